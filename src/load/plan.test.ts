import { describe, expect, test } from 'vitest';
import { describePlan } from './plan-text.ts';
import { isChosen, openingMs, rampMs, stormTimes, topicsOf } from './plan.ts';
import { planOf } from './test-rig.ts';

describe('who subscribes to what', () => {
  test.each([
    { connections: 5_000, topics: 500, subscribers: 10 },
    { connections: 1_000, topics: 1, subscribers: 1_000 },
    { connections: 7, topics: 5, subscribers: 4 },
    { connections: 3, topics: 10, subscribers: 3 },
  ])('$topics topics have $subscribers different subscribers each of $connections connections', (plan) => {
    const subscribersOf = new Map<number, Set<number>>();
    for (let connection = 0; connection < plan.connections; connection += 1) {
      const topics = topicsOf(plan, connection);
      expect(topics.length).toBeGreaterThan(0);
      for (const topic of topics) {
        const all = subscribersOf.get(topic) ?? new Set();
        expect(all.has(connection)).toBe(false);
        subscribersOf.set(topic, all.add(connection));
      }
    }
    expect(subscribersOf.size).toBe(plan.topics);
    for (const all of subscribersOf.values()) expect(all.size).toBe(plan.subscribers);
  });

  test.each([
    { share: 0.5, of: 101, chosen: 50 },
    { share: 1, of: 33, chosen: 33 },
    { share: 0.001, of: 999, chosen: 0 },
    { share: 10 / 37, of: 37, chosen: 10 },
  ])('a share of $share of $of connections is $chosen, spread evenly', ({ share, of, chosen }) => {
    const all = Array.from({ length: of }, (_, at) => at).filter((at) => isChosen(at, share));
    expect(all).toHaveLength(chosen);
    for (let at = 1; at < all.length; at += 1)
      expect((all[at] as number) - (all[at - 1] as number)).toBeLessThanOrEqual(Math.ceil(1 / share));
  });
});

describe('when what happens', () => {
  test('ten connections every ten milliseconds, publishers last', () => {
    const plan = planOf();
    expect([0, 9, 10, 25, 4_999, 5_001].map((at) => openingMs(plan, at))).toEqual([0, 0, 10, 20, 4_990, 5_000]);
    expect(rampMs(plan)).toBe(5_000);
  });

  test('storms are repeated while there is time to come back', () => {
    const storms = { share: 0.5, atMs: 1_000, everyMs: 3_000, awayMs: 500 };
    expect(stormTimes(planOf({ storms, durationMs: 10_000 }))).toEqual([1_000, 4_000, 7_000]);
    expect(stormTimes(planOf({ storms, durationMs: 10_501 }))).toEqual([1_000, 4_000, 7_000, 10_000]);
    expect(stormTimes(planOf({ storms: { ...storms, everyMs: 0 } }))).toEqual([1_000]);
    expect(stormTimes(planOf())).toEqual([]);
  });
});

describe('the plan in words', () => {
  test('says the target, how many of everything, and how long', () => {
    const text = describePlan(planOf());
    expect(text.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['target', 'ws://localhost:8081/ws (127.0.0.1 port 8081)'],
      ['connections', '5,000 that subscribe, 2 that publish; 10 every 10 ms, 5 s in all'],
      ['topics', '500 of load.abc123.*, 10 subscribers each'],
      ['publishes', '100 a second in total (open loop), 1,000 deliveries a second'],
      ['payload', '128 B, json'],
      ['measured', '300 s after 1 s of warming up'],
      ['threads', `1 of this process (pid ${process.pid})`],
    ]);
  });

  test('says what will be done to connections', () => {
    const text = describePlan(
      planOf({
        storms: { share: 0.5, atMs: 10_000, everyMs: 60_000, awayMs: 2_500 },
        slowReaders: { count: 20, atMs: 1_000, forMs: 30_000 },
        pace: { kind: 'round-trips', inFlight: 3 },
        format: 'msgpack',
        batching: true,
      }),
    );
    expect(text).toContain(
      '2,500 connections drop at once after 10 s and every 60 s (5 in all), and come back with positions 2.5 s later',
    );
    expect(text).toContain('20 connections stop reading after 1 s for 30 s');
    expect(text).toContain('3 in flight per publishing connection until acknowledged (closed loop)');
    expect(text).toContain('128 B, msgpack with batching');
  });
});
