/**
 * The one place that chooses what a node keeps things in. The room of Redis is imported where it is asked for: it and its
 * client library are a tenth of the start of a node that has no Redis.
 */
import type { Config } from '../../config/schema.ts';
import type { LogFactory } from '../../telemetry/pino-log.ts';
import { memoryStorage } from './memory.ts';
import type { Storage, WantedByApps } from './storage.ts';

export async function buildStorage(
  config: Config,
  nodeName: string,
  logs: LogFactory,
  wanted: WantedByApps,
): Promise<Storage> {
  if (config.redis.url === undefined) return memoryStorage(config, wanted.ephemeral);
  const { redisStorage } = await import('./redis.ts');
  return redisStorage(config, config.redis.url, nodeName, logs, wanted);
}
