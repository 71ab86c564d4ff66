import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyedBuckets } from './keyed-buckets.ts';
import { TokenBucket } from './token-bucket.ts';

const rate = { perSecond: 10, burst: 2 };

test('every key has its own bucket', () => {
  const buckets = new KeyedBuckets(rate, 10);
  expect([buckets.take('a', 2, 0), buckets.take('a', 1, 0), buckets.take('b', 2, 0)]).toEqual([true, false, true]);
  expect(buckets.take('a', 1, 100)).toBe(true);
});

test('asking takes nothing', () => {
  const buckets = new KeyedBuckets(rate, 10);
  for (let count = 0; count < 5; count += 1) expect(buckets.allows('a', 2, 0)).toBe(true);
  buckets.take('a', 2, 0);
  expect([buckets.allows('a', 1, 0), buckets.allows('a', 1, 99), buckets.allows('a', 1, 100)]).toEqual([
    false,
    false,
    true,
  ]);
  expect([buckets.wait('a', 1, 0), buckets.wait('a', 2, 0), buckets.wait('b', 1, 0)]).toEqual([100, 200, 1]);
});

test('the key that was used longest ago is forgotten first', () => {
  const buckets = new KeyedBuckets(rate, 2);
  buckets.take('a', 1, 0);
  buckets.take('b', 2, 0);
  buckets.take('a', 1, 0);
  buckets.take('c', 2, 0);
  expect([buckets.allows('a', 1, 0), buckets.allows('b', 2, 0), buckets.allows('c', 1, 0)]).toEqual([
    false,
    true,
    false,
  ]);
});

test('with room for all keys it does what a bucket for each does, with less it remembers the last ones', () => {
  const steps = fc.array(fc.record({ key: fc.nat(9), cost: fc.integer({ min: 1, max: 3 }), later: fc.nat(150) }), {
    maxLength: 60,
    size: 'max',
  });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 10 }), (list, capacity) => {
      const buckets = new KeyedBuckets(rate, capacity);
      let model: { readonly key: number; readonly bucket: TokenBucket }[] = [];
      let now = 0;
      for (const { key, cost, later } of list) {
        now += later;
        const known = model.find((entry) => entry.key === key) ?? { key, bucket: new TokenBucket(rate) };
        const taken = known.bucket.take(cost, now);
        expect(buckets.take(String(key), cost, now)).toBe(taken);
        if (taken) model = [...model.filter((entry) => entry.key !== key), known].slice(-capacity);
      }
    }),
  );
});

test('the level of a key is its own, and asking makes no bucket', () => {
  const buckets = new KeyedBuckets({ perSecond: 1, burst: 3 }, 1);
  buckets.take('a', 2, 0);
  expect(buckets.level('b', 0)).toEqual({ limit: 3, remaining: 3, fullInMs: 0 });
  expect(buckets.level('a', 0)).toEqual({ limit: 3, remaining: 1, fullInMs: 2_000 });
});
