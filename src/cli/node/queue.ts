/** The queues of a node: there if an application names one, and then imported too. */
import type { LoadedApp } from '../../apps/loaded.ts';
import type { Config } from '../../config/schema.ts';
import type { QueueStore } from '../../queue/queue-store.ts';
import type { Queues } from '../../queue/queues.ts';
import type { Log } from '../../telemetry/log.ts';
import type { LogFactory } from '../../telemetry/pino-log.ts';
import {
  systemClock as clock,
  systemRandom as random,
  systemScheduler as scheduler,
} from '../../telemetry/system-clock.ts';

/**
 * @param shared the queues of the storage, where they are kept there
 * @returns `null` when no application has a queue
 */
export async function openQueues(
  config: Config,
  apps: readonly LoadedApp[],
  shared: QueueStore | null,
  logs: LogFactory,
): Promise<Queues | null> {
  if (!apps.some(({ app }) => app.queues !== undefined)) return null;
  const { Queues } = await import('../../queue/queues.ts');
  const log = logs.room('queue');
  const store = shared ?? (await memoryStore(config, log));
  return new Queues(store, { clock, scheduler, random, log, maxMessageBytes: config.queue.max_message_bytes });
}

async function memoryStore({ queue, profile }: Config, log: Log): Promise<QueueStore> {
  const { MemoryQueueStore } = await import('../../queue/memory.ts');
  if (profile === 'production') log.warn('Queues are in memory: what waits in them is lost with the process');
  const limits = { maxMessages: queue.max_messages, maxBytes: queue.memory_bytes, maxDead: queue.max_dead };
  return new MemoryQueueStore(limits, clock, scheduler);
}
