import { afterAll, beforeAll } from 'vitest';
import { redisLink } from '../../test/harness/redis-link.ts';
import { startRedis, type RedisServer } from '../../test/harness/redis-server.ts';
import type { RedisLink } from '../redis/link.ts';
import { silentLog } from '../telemetry/log.ts';
import { systemScheduler } from '../telemetry/system-clock.ts';
import { sessionContract, type StoreBounds, type StoreUnderTest } from './contract-suite.ts';
import { RedisSessionStore } from './redis.ts';

let server: RedisServer;
let lastPrefix = 0;
const links: RedisLink[] = [];

beforeAll(async () => {
  server = await startRedis();
});

afterAll(() => {
  for (const link of links) link.stop();
});

function open(bounds: StoreBounds): StoreUnderTest {
  lastPrefix += 1;
  const link = redisLink(server, `s${lastPrefix}`);
  const store = new RedisSessionStore({ ttlMs: 60_000, capacity: 1_000, ...bounds }, link, systemScheduler, silentLog);
  links.push(link);
  const started = link.start();
  return {
    store,
    settle: async () => {
      await started;
      await store.flush();
      // A session that leaves is deleted by a call behind those that were answered.
      await new Promise((resolve) => link.write([['PTTL', 'none']], resolve));
    },
  };
}

sessionContract('in Redis', open);
