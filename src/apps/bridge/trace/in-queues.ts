/** Messages that no row knows yet: they wait in a queue, are tried again, or were given up before anything was written down. */
import type { DeadMessage, Queue, QueueDepth } from '../../../queue/queue.ts';
import { webhookStages } from '../ingress/envelopes.ts';
import type { Ports } from '../ports.ts';
import type { AllNodes } from './all-nodes.ts';
import { stepsOf, type Step } from './trace.ts';
import { digestOf, isSought, soughtBy, type Underway } from './underway.ts';

export interface QueuedMessage {
  /** Of the queue: a hash. */
  readonly id: string;
  readonly queue: string;
  readonly state: 'waiting' | 'dead';
  readonly steps: readonly Step[];
  /** In a sentence. */
  readonly says: string;
}

/** Dead letters that are looked through: those that are older are in `./signalbox queues dead`. */
const LOOKED_AT = 1_000;

/**
 * @param by digits of a customer, or an id of either side
 * @param known ids of messages that have rows
 */
export async function queuedMessages(
  { queues }: Pick<Ports, 'queues'>,
  ask: AllNodes,
  tenant: string,
  by: { readonly id: string } | { readonly number: string },
  known: readonly string[],
  limit: number,
): Promise<readonly QueuedMessage[]> {
  const sought = soughtBy(tenant, by);
  const digests = new Set(known.map((id) => digestOf(tenant, id)));
  const isNew = ({ id }: { readonly id: string }): boolean => !digests.has(id.slice(2, 22));
  const both = [queues.inbound, queues.outbound];
  const [passing, dead, depths] = await Promise.all([
    ask(sought),
    Promise.all(both.map(async (queue) => ({ queue, letters: await queue.dead(LOOKED_AT) }))),
    Promise.all(both.map(async (queue) => [queue.name, await queue.depth()] as const)),
  ]);
  const depthOf = new Map(depths);
  const given = dead.flatMap(({ queue, letters }) =>
    letters.filter((letter) => isSought(sought, letter) && isNew(letter)).map((letter) => ({ queue, letter })),
  );
  const isGivenUp = new Set(given.map(({ letter }) => letter.id));
  const stepsAt = new Map(passing.map(({ id, steps }) => [id, steps]));
  return [
    ...given.map(({ queue, letter }) => deadView(queue, letter, stepsAt.get(letter.id) ?? [])),
    ...passing
      .filter((one) => isNew(one) && !isGivenUp.has(one.id))
      .flatMap((one) => waitingView(one, depthOf.get(one.queue))),
  ].slice(0, limit);
}

function deadView(queue: Queue, letter: DeadMessage, passed: Underway['steps']): QueuedMessage {
  const { id, headers, queuedAt, reason, at, attempt } = letter;
  const before = passed.length > 0 ? passed : webhookStages(headers, queuedAt);
  return {
    id,
    queue: queue.name,
    state: 'dead',
    steps: stepsOf([...before, ['dead-letter', at, '', reason]]),
    says: `It was given up after ${attempt === 1 ? 'one attempt' : `${attempt} attempts`}: ${reason}. A replay of ${queue.name} puts it back.`,
  };
}

/** What a node has put into a queue that is empty since was ended by another node: an echo, say, of which no row is made. */
function waitingView({ id, queue, steps }: Underway, depth: QueueDepth | undefined): readonly QueuedMessage[] {
  const { ready = 0, unacknowledged = 0, later = 0 } = depth ?? {};
  if (ready + unacknowledged + later === 0) return [];
  const [, , , reason] = steps.findLast(([stage]) => stage.startsWith('attempt-')) ?? [];
  const says =
    reason === undefined
      ? `It waits in ${queue}, where ${ready} messages are ready and ${later} are tried again later.`
      : `It waits in ${queue} for its next attempt: ${reason}.`;
  return [{ id, queue, state: 'waiting', steps: stepsOf(steps), says }];
}
