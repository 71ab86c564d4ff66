/** The queues of the applications, as the nodes see them. */
import type { Check } from '../../check.ts';
import { eachNode } from '../../each-node.ts';
import type { NodeFacts, QueueFacts } from '../../facts.ts';
import { fail, warn, type Observation } from '../../finding.ts';
import type { Patient } from '../../patient.ts';

/** Messages that wait while nobody has one in hand, or far more than hands. */
const BACKLOG = 1_000;

const CURES: Readonly<Record<string, string>> = {
  starting: 'start the broker, or correct queue.url; the node finds it within 2 s',
  away: 'start the broker, or look at the network between; the node finds it within 2 s',
  unfit: 'give the user of the broker the rights that docs/redis.md names',
  full: 'make room at the broker: memory or disk; ./signalbox queues list shows what waits',
};

const queueReachable: Check = {
  name: 'queue.reachable',
  looksAt: 'Whether the broker of the queues of applications takes messages.',
  needs: ['queue'],
  run: (patient) =>
    eachQueues(
      patient,
      ({ kind, trouble, problem }) =>
        trouble === null ? [] : [fail(`the queues (${kind}) are ${trouble}: ${problem ?? ''}`, CURES[trouble] ?? '')],
      (all) => `queues in ${all[0]?.kind ?? ''} take messages`,
    ),
};

const queueBacklog: Check = {
  name: 'queue.backlog',
  looksAt: 'Whether more messages wait than are handled.',
  needs: ['queue'],
  run: (patient) =>
    eachQueues(
      patient,
      ({ queues }) =>
        queues
          .filter(({ ready, unacknowledged }) => ready >= BACKLOG || (ready > 0 && unacknowledged === 0))
          .map(({ queue, ready, unacknowledged }) =>
            warn(
              `${ready} messages wait in ${queue}, ${unacknowledged} are in work`,
              unacknowledged === 0
                ? 'look whether a node with its consumer runs, and for errors of it in the log'
                : 'raise prefetch of the consumer, or start more nodes; signalbox_queue_handling_seconds says how long a message takes',
            ),
          ),
      (all) => `${all[0]?.queues.length ?? 0} queues, no backlog`,
    ),
};

const queueDead: Check = {
  name: 'queue.dead',
  looksAt: 'Whether messages were given up.',
  needs: ['queue'],
  run: (patient) =>
    eachQueues(
      patient,
      ({ queues }) =>
        queues
          .filter(({ dead }) => dead > 0)
          .map(({ queue, dead }) =>
            warn(
              `${dead} messages of ${queue} were given up`,
              `./signalbox queues dead ${queue} says why; then ./signalbox queues replay ${queue}`,
            ),
          ),
      () => 'no message was given up',
    ),
};

export const QUEUE_CHECKS: readonly Check[] = [queueReachable, queueBacklog, queueDead];

/** All nodes see the same queues: what one says is enough. */
async function eachQueues(
  patient: Patient,
  judge: (facts: QueueFacts) => readonly Observation[],
  good: (all: readonly QueueFacts[]) => string,
): Promise<readonly Observation[]> {
  const of = ({ queues }: NodeFacts): QueueFacts[] => (queues ? [queues] : []);
  const found = await eachNode(
    patient,
    (node) => of(node).flatMap(judge),
    (nodes) => {
      const all = nodes.flatMap(of);
      return all.length === 0 ? null : good(all);
    },
  );
  const seen = new Set<string>();
  return found.filter(({ says }) => {
    const what = says.slice(says.indexOf(': ') + 2);
    return !seen.has(what) && seen.add(what) !== null;
  });
}
