/** Stores of presence for tests, with the logs that they write to. */
import type { Broker, History } from '../broker/broker.ts';
import { MemoryBroker } from '../broker/memory.ts';
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import type { Position } from '../protocol/position.ts';
import { presenceTopic, type Topic } from '../protocol/topic.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { presenceLogs } from './broker-logs.ts';
import type { PresenceStoreUnderTest } from './contract-probe.ts';
import { MemoryPresenceStore } from './memory.ts';
import type { CountMode } from './presence-store.ts';

export const KEPT = { messages: 1_000, ageMs: 3_600_000, bytes: 10_000_000 };

/** The payloads of a log, and where it stands. */
export async function payloadsOf(
  broker: Broker,
  topic: Topic,
): Promise<{ readonly position: Position; readonly payloads: readonly unknown[] }> {
  const answer = await new Promise<History | Refusal>((resolve) =>
    broker.read(topic, { after: 'earliest', limit: 1_000, maxBytes: 10_000_000 }, resolve),
  );
  if (isRefusal(answer)) throw new Error(answer.message);
  const { epoch, top, publications } = answer;
  return {
    position: { epoch, sequence: top },
    payloads: publications.map(({ payload }) => JSON.parse(payload) as unknown),
  };
}

export function storeInMemory(mode: CountMode): PresenceStoreUnderTest {
  const clock = new VirtualClock();
  const options = {
    retention: { rules: [], fallback: KEPT, direct: KEPT },
    maxTopics: 100,
    maxBytes: 100_000_000,
    idempotencyWindowMs: 1_000,
    idempotencyKeys: 10,
    forgetAfterMs: 3_600_000,
  };
  const broker = new MemoryBroker(options, clock, new SeededRandom(1));
  return {
    store: new MemoryPresenceStore(mode, presenceLogs(broker), clock),
    log: (topic) => payloadsOf(broker, presenceTopic(topic)),
    dispose: () => Promise.resolve(),
  };
}
