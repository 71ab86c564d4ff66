import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { levelOf, takeTokens, TokenBucket, waitFor, type Rate } from './token-bucket.ts';

describe('a bucket', () => {
  test('is full at first and holds its burst, no more', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 3 });
    expect([1, 1, 1, 1].map((cost) => bucket.take(cost, 0))).toEqual([true, true, true, false]);
  });

  test('refills at its rate', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 3 });
    bucket.take(3, 0);
    expect(bucket.take(1, 99)).toBe(false);
    expect(bucket.take(1, 100)).toBe(true);
    expect(bucket.take(2, 299)).toBe(false);
    expect(bucket.take(2, 300)).toBe(true);
  });

  test('never holds more than its burst, however long it was left alone', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 3 });
    bucket.take(3, 0);
    expect(bucket.take(4, 1_000_000)).toBe(false);
    expect(bucket.take(3, 1_000_000)).toBe(true);
    expect(bucket.take(1, 1_000_000)).toBe(false);
  });

  test('loses nothing when it refuses', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 3 });
    for (let count = 0; count < 10; count += 1) expect(bucket.take(4, 0)).toBe(false);
    expect(bucket.take(3, 0)).toBe(true);
  });

  test('gives what costs nothing even when it is empty', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 3 });
    bucket.take(3, 0);
    expect(bucket.take(0, 0)).toBe(true);
  });

  test('obeys a rate that changes at run time', () => {
    const rate = { perSecond: 10, burst: 1 };
    const bucket = new TokenBucket(rate);
    bucket.take(1, 0);
    rate.burst = 3;
    expect([1, 1, 1].map((cost) => bucket.take(cost, 0))).toEqual([true, true, false]);
    rate.perSecond = 1_000;
    expect(bucket.take(1, 300)).toBe(true);
  });

  test('says how long to wait, rounded up, and never that there is nothing to wait for', () => {
    const bucket = new TokenBucket({ perSecond: 3, burst: 2 });
    bucket.take(2, 0);
    expect([bucket.wait(1, 0), bucket.wait(2, 0), bucket.wait(1, 300)]).toEqual([334, 667, 34]);
    expect([bucket.wait(1, 5_000), bucket.wait(1, 333.9)]).toEqual([1, 1]);
  });
});

/** Rates whose tokens come a whole or a binary fraction of milliseconds apart, so that there is nothing to round. */
const exactRates: fc.Arbitrary<Rate> = fc.record({
  perSecond: fc.constantFrom(1_000 / 8, 250, 500, 1_000, 2_000, 4_000, 200, 100, 50, 20, 10, 8, 5, 2, 1),
  burst: fc.integer({ min: 1, max: 50 }),
});
const anyRates: fc.Arbitrary<Rate> = fc.record({
  perSecond: fc.double({ min: 0.01, max: 5_000, noNaN: true }),
  burst: fc.integer({ min: 1, max: 50 }),
});
const starts = fc.oneof(fc.constant(0), fc.nat(2 ** 31));
const steps = fc.array(fc.record({ later: fc.nat(400), cost: fc.nat(8) }), { maxLength: 60, size: 'max' });

test('a bucket does what counting tokens does', () => {
  fc.assert(
    fc.property(exactRates, starts, steps, (rate, start, list) => {
      const interval = 1_000 / rate.perSecond;
      let tokens = rate.burst;
      let state = 0;
      let now = start;
      for (const { later, cost } of list) {
        now += later;
        tokens = Math.min(rate.burst, tokens + later / interval);
        const next = takeTokens(state, rate, cost, now);
        expect(next !== -1).toBe(cost <= tokens + 1e-9);
        if (next === -1) continue;
        state = next;
        tokens -= cost;
      }
    }),
  );
});

test('the time to wait is exact: then the tokens are there, and a millisecond earlier they are not', () => {
  let refused = 0;
  fc.assert(
    fc.property(exactRates, starts, steps, (rate, start, list) => {
      let state = 0;
      let now = start;
      for (const { later, cost } of list) {
        now += later;
        const next = takeTokens(state, rate, cost, now);
        if (next !== -1) state = next;
        else if (cost <= rate.burst) {
          const wait = waitFor(state, rate, cost, now);
          expect(takeTokens(state, rate, cost, now + wait)).not.toBe(-1);
          expect(takeTokens(state, rate, cost, now + wait - 1)).toBe(-1);
          refused += 1;
        }
      }
    }),
  );
  expect(refused).toBeGreaterThan(50);
});

test('at any rate, a millisecond after the time to wait the tokens are there, as long as they do not fill the bucket', () => {
  fc.assert(
    fc.property(anyRates, starts, fc.integer({ min: 1, max: 50 }), (rate, now, cost) => {
      fc.pre(cost < rate.burst);
      let state = 0;
      for (let next = takeTokens(state, rate, 1, now); next !== -1; next = takeTokens(state, rate, 1, now))
        state = next;
      expect(takeTokens(state, rate, cost, now + waitFor(state, rate, cost, now) + 1)).not.toBe(-1);
    }),
  );
});

test('at any rate, between any two moments no more is given than the burst and what came meanwhile', () => {
  fc.assert(
    fc.property(anyRates, starts, steps, (rate, start, list) => {
      const bucket = new TokenBucket(rate);
      const given: { readonly at: number; readonly cost: number }[] = [];
      let now = start;
      for (const { later, cost } of list) {
        now += later;
        if (bucket.take(cost, now)) given.push({ at: now, cost });
        let sum = 0;
        for (const { at, cost } of given.toReversed()) {
          sum += cost;
          expect(sum).toBeLessThanOrEqual(rate.burst + (rate.perSecond * (now - at)) / 1_000 + 1e-6);
        }
      }
    }),
  );
});

describe('the level of a bucket', () => {
  const rate = { perSecond: 10, burst: 3 };

  test('is its burst at first, less what was taken, and time brings it back', () => {
    const bucket = new TokenBucket(rate);
    expect(bucket.level(0)).toEqual({ limit: 3, remaining: 3, fullInMs: 0 });
    bucket.take(2, 0);
    expect(bucket.level(0)).toEqual({ limit: 3, remaining: 1, fullInMs: 200 });
    expect(bucket.level(99)).toMatchObject({ remaining: 1, fullInMs: 101 });
    expect(bucket.level(100)).toMatchObject({ remaining: 2, fullInMs: 100 });
    expect(bucket.level(5_000)).toEqual({ limit: 3, remaining: 3, fullInMs: 0 });
  });

  test('is what can be taken: so many tokens and not one more', () => {
    const rates = fc.record({
      perSecond: fc.double({ min: 0.01, max: 10_000, noNaN: true }),
      burst: fc.integer({ min: 1, max: 1_000 }),
    });
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 1, max: 20 })), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(rates, steps, (some, times) => {
        let now = 0;
        let fullAt = 0;
        for (const [later, cost] of times) {
          now += later;
          const next = takeTokens(fullAt, some, cost, now);
          if (next !== -1) fullAt = next;
          const { remaining } = levelOf(fullAt, some, now);
          expect(remaining).toBeGreaterThanOrEqual(0);
          // Within the precision of a double a token more or less can be there at the very edge.
          if (remaining > 0) expect(takeTokens(fullAt, some, remaining - 1e-5, now)).not.toBe(-1);
          expect(takeTokens(fullAt, some, remaining + 1 + 1e-5, now)).toBe(-1);
        }
      }),
    );
  });

  test('follows a rate that changes', () => {
    const changing = { perSecond: 1, burst: 10 };
    const bucket = new TokenBucket(changing);
    bucket.take(10, 0);
    changing.burst = 5;
    expect(bucket.level(0)).toMatchObject({ limit: 5, remaining: 0 });
  });
});
