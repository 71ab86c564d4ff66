/** A link to a Redis of the tests, as a node has one: short time-outs, and a prefix that keeps tests apart. */
import { parseRedisUrl } from '../../src/config/redis-url.ts';
import { RedisLink } from '../../src/redis/link.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { systemClock, systemRandom, systemScheduler } from '../../src/telemetry/system-clock.ts';
import type { RedisServer } from './redis-server.ts';

/** The caller starts and stops it. */
export function redisLink(server: Pick<RedisServer, 'url'>, prefix: string): RedisLink {
  const options = {
    prefix,
    deployment: { name: '', fingerprints: [] },
    address: parseRedisUrl(server.url),
    name: 'test',
    commandTimeoutMs: 2_000,
    connectTimeoutMs: 5_000,
    maxRetryMs: 100,
    breakerFailures: 5,
    breakerOpenMs: 100,
  };
  return new RedisLink(options, systemClock, systemScheduler, systemRandom, silentLog);
}
