import { MemoryBroker } from '../broker/memory.ts';
import { presenceTopic } from '../protocol/topic.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { presenceLogs } from './broker-logs.ts';
import { presenceStoreContract } from './contract-suite.ts';
import { MemoryPresenceStore } from './memory.ts';
import { payloadsOf } from './test-rig.ts';

const KEPT = { messages: 1_000, ageMs: 3_600_000, bytes: 10_000_000 };

presenceStoreContract('in memory', (mode) => {
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
  return Promise.resolve({
    store: new MemoryPresenceStore(mode, presenceLogs(broker), clock),
    log: (topic) => payloadsOf(broker, presenceTopic(topic)),
    dispose: () => Promise.resolve(),
  });
});
