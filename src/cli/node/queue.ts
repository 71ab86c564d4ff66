/** The queues of a node: there if an application names one, and then imported too. */
import type { LoadedApp } from '../../apps/loaded.ts';
import { ConfigError } from '../../config/config-error.ts';
import type { Config } from '../../config/schema.ts';
import type { QueueHealth } from '../../http/health.ts';
import type { QueueStore } from '../../queue/queue-store.ts';
import type { Queues } from '../../queue/queues.ts';
import type { Log } from '../../telemetry/log.ts';
import { missingPackage } from '../../telemetry/optional-package.ts';
import type { LogFactory } from '../../telemetry/pino-log.ts';
import {
  systemClock as clock,
  systemRandom as random,
  systemScheduler as scheduler,
} from '../../telemetry/system-clock.ts';

/**
 * Does not wait for a broker: the node goes on and looks again.
 * @param shared the queues of the storage, where they are kept there
 * @returns `null` when no application has a queue
 */
export async function openQueues(
  config: Config,
  apps: readonly LoadedApp[],
  shared: QueueStore | null,
  logs: LogFactory,
  nodeName: string,
): Promise<Queues | null> {
  if (!apps.some(({ app }) => app.queues !== undefined)) return null;
  const { Queues } = await import('../../queue/queues.ts');
  const log = logs.room('queue');
  const store = shared ?? (await ownStore(config, log, nodeName));
  const queues = new Queues(store, { clock, scheduler, random, log, maxMessageBytes: config.queue.max_message_bytes });
  // Also those that an application only puts into: they are listed, and their depth is measured.
  for (const { app } of apps) for (const name of app.queues?.names ?? []) queues.of(name);
  queues.watch();
  return queues;
}

function ownStore(config: Config, log: Log, nodeName: string): Promise<QueueStore> {
  const { url } = config.queue;
  return url === undefined ? memoryStore(config, log) : rabbitStore(config, url, log, nodeName);
}

/** @throws ConfigError without its package */
async function rabbitStore({ queue }: Config, url: string, log: Log, nodeName: string): Promise<QueueStore> {
  const missing = missingPackage('amqplib', 'RabbitMQ');
  if (missing !== null)
    throw new ConfigError([{ key: 'queue.url', expected: `the package: ${missing}`, got: 'nothing' }]);
  const [{ connect }, { RabbitQueueStore }] = await Promise.all([import('amqplib'), import('../../queue/rabbitmq.ts')]);
  const bounds = { maxMessages: queue.max_messages, maxDead: queue.max_dead };
  const store = new RabbitQueueStore(bounds, { connect, clock, scheduler, log, name: `signalbox-${nodeName}` });
  await store.start(url);
  return store;
}

async function memoryStore({ queue, profile }: Config, log: Log): Promise<QueueStore> {
  const { MemoryQueueStore } = await import('../../queue/memory.ts');
  if (profile === 'production') log.warn('Queues are in memory: what waits in them is lost with the process');
  const limits = { maxMessages: queue.max_messages, maxBytes: queue.memory_bytes, maxDead: queue.max_dead };
  return new MemoryQueueStore(limits, clock, scheduler);
}

/** What `/health` says of them. */
export function queueHealth(queues: Queues | null, apps: readonly LoadedApp[]): QueueHealth | null {
  if (queues === null) return null;
  return {
    name: queues.store.kind,
    trouble: () => queues.store.trouble()?.state ?? null,
    isNeeded: apps.some(({ app }) => app.queues !== undefined && (app.queues.isNeeded ?? true)),
  };
}
