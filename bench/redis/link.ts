/** The link of a benchmark to its Redis, as a node has one. Its time-out is long: a busy machine is no fault here. */
import { parseRedisUrl } from '../../src/config/redis-url.ts';
import { RedisLink } from '../../src/redis/link.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { systemClock, systemRandom, systemScheduler } from '../../src/telemetry/system-clock.ts';

export function benchLink(url: string, prefix: string): RedisLink {
  const options = {
    prefix,
    deployment: { name: '', fingerprints: [] },
    address: parseRedisUrl(url),
    name: 'bench',
    commandTimeoutMs: 10_000,
    connectTimeoutMs: 2_000,
    maxRetryMs: 250,
    breakerFailures: 5,
    breakerOpenMs: 500,
  };
  return new RedisLink(options, systemClock, systemScheduler, systemRandom, silentLog);
}
