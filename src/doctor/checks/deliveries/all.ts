/** What was lost, and what the books cannot explain. */
import type { Check } from '../../check.ts';
import { eachNode } from '../../each-node.ts';
import { fail, warn, type Observation } from '../../finding.ts';

/** What an operator can do, by the cause of a Gap (docs/protocol.md). */
const CURES: Readonly<Record<string, string>> = {
  history_lost: 'Redis lost histories: ./signalbox doctor --only redis',
  overflow:
    'clients read too slowly: ./signalbox connections --sort mailbox; raise topics.history so that they catch up',
  expired: 'clients come back later than histories last: raise topics.age_secs or topics.history',
};

const deliveriesGaps: Check = {
  name: 'deliveries.gaps',
  looksAt: 'Losses that clients were told of, by cause, since the start.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ deliveries }): readonly Observation[] =>
        Object.entries(deliveries?.gaps ?? {}).map(([cause, count]) =>
          warn(
            `${count} times a client was told that it missed messages (Gap, cause ${cause})`,
            CURES[cause] ?? 'docs/protocol.md says what the cause of a Gap means; ./signalbox connections --sort lag',
          ),
        ),
      () => 'no client was told of a loss',
    ),
};

const deliveriesUnaccounted: Check = {
  name: 'deliveries.unaccounted',
  looksAt: 'Messages that the books cannot explain, and what the socket library dropped: both must be 0.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ deliveries }): readonly Observation[] => {
        const { unaccounted = 0, native_dropped: dropped = 0 } = deliveries ?? {};
        const cure = 'this is a fault of the server: ./signalbox doctor bundle, and report it';
        return [
          ...(unaccounted === 0 ? [] : [fail(`the books of deliveries do not explain ${unaccounted} messages`, cure)]),
          ...(dropped === 0 ? [] : [fail(`the socket library dropped ${dropped} messages`, cure)]),
        ];
      },
      () => 'the books explain every message',
    ),
};

export const DELIVERY_CHECKS: readonly Check[] = [deliveriesGaps, deliveriesUnaccounted];
