/** The contract on queues in memory. */
import { systemClock as clock, systemScheduler as scheduler } from '../telemetry/system-clock.ts';
import { BOUND, MAX_DEAD, queueContract } from './contract-suite.ts';
import { MemoryQueueStore } from './memory.ts';

queueContract('memory', async () => {
  const limits = { maxMessages: BOUND, maxBytes: 1_000_000, maxDead: MAX_DEAD };
  const store = new MemoryQueueStore(limits, clock, scheduler);
  return { store, other: store, lateBy: 0, dispose: () => store.stop() };
});
