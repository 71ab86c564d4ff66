/** Requests a minute: on one node, and over nodes with one Redis. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redisLink } from '../../../test/harness/redis-link.ts';
import { startRedis, type RedisServer } from '../../../test/harness/redis-server.ts';
import type { RedisLink } from '../../redis/link.ts';
import { SharedMinuteCounter } from './redis-minute-counter.ts';
import { MemoryMinuteCounter, minuteName, Spending, type MinuteCounter } from './spending.ts';

const MINUTE = Date.UTC(2026, 0, 14, 10, 30);

async function spendAll(spendings: readonly Spending[], tenant: string, limit: number, times: number): Promise<number> {
  const answers = await Promise.all(
    Array.from({ length: times }, async (_, at) =>
      spendings[at % spendings.length]?.spend(tenant, limit, MINUTE + 15_000),
    ),
  );
  return answers.filter((answer) => answer?.ok === true).length;
}

test('a minute is named in UTC', () => {
  expect(minuteName(MINUTE + 59_999)).toBe('202601141030');
});

describe('on one node', () => {
  test('W-28: a minute has its limit, and the refusal says when the next one begins', async () => {
    const spending = new Spending(new MemoryMinuteCounter());
    expect(await spendAll([spending], 't', 100, 150)).toBe(100);
    expect(await spending.spend('t', 100, MINUTE + 15_000)).toEqual({ ok: false, retryAfterMs: 45_000 });
    expect(await spending.spend('other', 100, MINUTE + 15_000)).toEqual({ ok: true });
    expect(await spending.spend('t', 100, MINUTE + 60_000)).toEqual({ ok: true });
  });

  test('W-24: a limit that is raised counts at once, and one that is lowered too', async () => {
    const spending = new Spending(new MemoryMinuteCounter());
    expect(await spendAll([spending], 't', 100, 500)).toBe(100);
    expect(await spendAll([spending], 't', 200, 500)).toBe(100);
    expect(await spendAll([spending], 't', 150, 10)).toBe(0);
  });

  test('who has nothing left asks nobody until the next minute', async () => {
    let asked = 0;
    const counter: MinuteCounter = { take: async () => ((asked += 1), false), count: async () => 0 };
    const spending = new Spending(counter);
    await spendAll([spending], 't', 1, 1);
    await spendAll([spending], 't', 1, 100);
    expect(asked).toBe(1);
  });
});

describe('over nodes with one Redis', () => {
  let redis: RedisServer;
  let links: RedisLink[];
  beforeAll(async () => {
    redis = await startRedis();
    links = [redisLink(redis, 'test'), redisLink(redis, 'test')];
    await Promise.all(links.map((link) => link.start()));
  });
  afterAll(() => {
    for (const link of links) link.stop();
    redis.end();
  });

  function nodes(failed: () => void = () => {}): Spending[] {
    return links.map(
      (link) => new Spending(new SharedMinuteCounter(link, 'ratelimit:', new MemoryMinuteCounter(), failed)),
    );
  }

  test('W-28: the limit is exact over both, and the counter is read as the guide reads it', async () => {
    expect(await spendAll(nodes(), 'tenant-001', 100, 300)).toBe(100);
    expect(await redis.redis.get('ratelimit:tenant-001:202601141030')).toBe('100');
    const left = await redis.redis.ttl('ratelimit:tenant-001:202601141030');
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(120);
  });

  test('W-28: while Redis is away each node counts alone', async () => {
    let failures = 0;
    const alone = nodes(() => (failures += 1));
    await redis.kill();
    expect(await spendAll(alone, 'tenant-002', 10, 100)).toBe(20);
    expect(failures).toBeGreaterThanOrEqual(20);
  });
});
