/** The contract on queues in Redis. */
import { afterAll, beforeAll } from 'vitest';
import { redisLink } from '../../test/harness/redis-link.ts';
import { startRedis, type RedisServer } from '../../test/harness/redis-server.ts';
import {
  systemClock as clock,
  systemRandom as random,
  systemScheduler as scheduler,
} from '../telemetry/system-clock.ts';
import { BOUND, MAX_DEAD, queueContract } from './contract-suite.ts';
import { RedisQueueStore } from './redis.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.end());

queueContract('Redis', async () => {
  const options = { maxMessages: BOUND, maxDead: MAX_DEAD, leaseMs: 2_000, wait: null };
  const links = [redisLink(server, 'q'), redisLink(server, 'q')];
  const [store, other] = links.map((link) => new RedisQueueStore(options, link, clock, scheduler, random));
  await Promise.all(links.map((link) => link.start()));
  if (store === undefined || other === undefined) throw new Error('expected two stores');
  return {
    store,
    other,
    lateBy: 0,
    dispose: async () => {
      await Promise.all([store.stop(), other.stop()]);
      for (const link of links) link.stop();
    },
  };
});
