import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { eventually } from '../../test/harness/deadline.ts';
import { redisLink } from '../../test/harness/redis-link.ts';
import { startRedis, type RedisServer } from '../../test/harness/redis-server.ts';
import { Channels } from '../redis/channels.ts';
import { TIMED_OUT } from '../redis/failure.ts';
import type { RedisLink } from '../redis/link.ts';
import { silentLog } from '../telemetry/log.ts';
import { systemClock, systemRandom, systemScheduler } from '../telemetry/system-clock.ts';
import { RedisControlBus } from './redis.ts';

const MEMBER = {
  node: 'n1',
  instance: 'i1',
  address: '127.0.0.1:1',
  ordinal: null,
  version: '0.0.0',
  mode: 'running',
  connections: 0,
  started_at: 0,
  seen_at: 0,
} as const;

let redis: RedisServer;
let lastPrefix = 0;

beforeAll(async () => {
  redis = await startRedis();
});

/** @returns whether the node knows what holds for all */
async function started(prepare: (link: RedisLink) => void): Promise<() => boolean> {
  lastPrefix += 1;
  const link = redisLink(redis, `start${lastPrefix}`);
  const bus = new RedisControlBus(link, systemClock, systemRandom, systemScheduler, silentLog);
  await link.start();
  onTestFinished(async () => {
    vi.restoreAllMocks();
    await bus.stop();
    link.stop();
  });
  prepare(link);
  let isInformed = false;
  await bus.start(
    () => {
      throw new Error('nothing was ordered');
    },
    () => MEMBER,
    () => {
      isInformed = true;
    },
  );
  return () => isInformed;
}

/** The first answers come too late. */
function late(link: RedisLink, count: number): void {
  const read = vi.spyOn(link, 'read');
  for (let left = count; left > 0; left -= 1)
    read.mockImplementationOnce((commands, answered) => answered(commands.map(() => TIMED_OUT)));
}

test('a node that starts has read what was ordered, also where Redis has just come back and a reading is under way', async () => {
  const isInformed = await started((link) => {
    const onAvailable = link.onAvailable.bind(link);
    vi.spyOn(link, 'onAvailable').mockImplementation((work) => {
      onAvailable(work);
      // As it comes back in this moment.
      work();
    });
    // In the turn in which the node listens, the reading has no answer yet.
    vi.spyOn(Channels.prototype, 'subscribe').mockImplementation((_names, _prefixes, reply) => reply(null));
  });
  expect(isInformed()).toBe(true);
});

test('a first answer that comes too late is asked for again before the node serves', async () => {
  const isInformed = await started((link) => late(link, 1));
  expect(isInformed()).toBe(true);
});

test('a node that began without what was ordered looks again soon, and not when its lease ends', async () => {
  const isInformed = await started((link) => late(link, 3));
  expect(isInformed()).toBe(false);
  // Its lease is renewed every five seconds.
  await eventually(isInformed, 'the orders', 3_000);
});
