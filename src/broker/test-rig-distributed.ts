/** For tests: the distributed broker of one node over a simulated Redis, and everything that is under way happens when a test says so. */
import { SeededRandom } from '../simulation/seeded-random.ts';
import { SimulatedLogs } from '../simulation/simulated-logs.ts';
import { SimulatedRedis } from '../simulation/simulated-redis.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import type { BrokerListener } from './broker.ts';
import { DistributedBroker } from './distributed.ts';

export const KEEP = { messages: 100, ageMs: 3_600_000, bytes: 1_000_000 };
export const SILENCE_MS = 20_000;
export const TTL_MS = 7_200_000;

const DEAF: BrokerListener = {
  published: () => {},
  epochChanged: () => {},
  renumbered: () => {},
  withdrawn: () => {},
  forgotten: () => {},
};

export class DistributedRig {
  readonly clock = new VirtualClock();
  readonly redis: SimulatedRedis;
  readonly logs: SimulatedLogs;
  readonly broker: DistributedBroker;

  /** @param restMs after which a silent topic that only a pattern brings is let go; @param told by the broker */
  constructor(restMs: number, told: Partial<BrokerListener>) {
    const witness = { stored: () => {}, renamed: () => {}, lost: () => {} };
    this.redis = new SimulatedRedis(this.clock, new SeededRandom(1), witness, (topic, notice) =>
      this.logs.published(topic, notice),
    );
    this.logs = new SimulatedLogs(this.redis);
    const options = {
      retention: { rules: [], fallback: KEEP, direct: KEEP },
      append: { pendingMessages: 100, pendingBytes: 100_000 },
      reads: { atOnce: 4, waiting: 100 },
      tail: { messages: 10, bytes: 10_000, totalBytes: 1_000_000 },
      silenceMs: SILENCE_MS,
      restMs,
      topicTtlMs: TTL_MS,
    };
    this.broker = new DistributedBroker(options, this.logs, this.clock, this.clock);
    void this.broker.start({ ...DEAF, ...told });
  }

  settle(): void {
    while (this.logs.pending > 0 || this.clock.hasTurn) {
      this.clock.endTurn();
      this.logs.work(0);
      this.logs.deliverAnswer(0);
      this.logs.deliverNotice();
    }
  }

  /** Time passes beat by beat, and what is asked meanwhile is answered. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 1_000) {
      this.clock.advance(1_000);
      this.settle();
    }
  }
}
