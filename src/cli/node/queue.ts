/** The queues of a node: there if an application names one, and then imported too. */
import type { LoadedApp } from '../../apps/loaded.ts';
import type { Config } from '../../config/schema.ts';
import type { Queues } from '../../queue/queues.ts';
import type { LogFactory } from '../../telemetry/pino-log.ts';
import {
  systemClock as clock,
  systemRandom as random,
  systemScheduler as scheduler,
} from '../../telemetry/system-clock.ts';

/** @returns `null` when no application has a queue */
export async function openQueues(
  { queue: settings }: Config,
  apps: readonly LoadedApp[],
  logs: LogFactory,
): Promise<Queues | null> {
  if (!apps.some(({ app }) => app.queues !== undefined)) return null;
  const [{ MemoryQueueStore }, { Queues }] = await Promise.all([
    import('../../queue/memory.ts'),
    import('../../queue/queues.ts'),
  ]);
  const limits = { maxMessages: settings.max_messages, maxBytes: settings.memory_bytes, maxDead: settings.max_dead };
  const log = logs.room('queue');
  log.warn('Queues are in memory: what waits in them is lost with the process');
  const ports = { clock, scheduler, random, log, maxMessageBytes: settings.max_message_bytes };
  return new Queues(new MemoryQueueStore(limits, clock, scheduler), ports);
}
