/** The one place that chooses what a node keeps things in. */
import type { Config } from '../../config/schema.ts';
import type { LogFactory } from '../../telemetry/pino-log.ts';
import { memoryStorage } from './memory.ts';
import { redisStorage } from './redis.ts';
import type { Storage } from './storage.ts';

export function buildStorage(config: Config, nodeName: string, logs: LogFactory): Storage {
  return config.redis.url === undefined
    ? memoryStorage(config)
    : redisStorage(config, config.redis.url, nodeName, logs);
}
