import { expect, test } from 'vitest';
import { quantile } from './quantile.ts';

const BOUNDS = [1, 2, 4];

test.each([
  ['the middle of the bucket that holds it', [0, 10, 0, 0], 0.5, 1.5],
  ['in the first bucket, from nothing', [10, 0, 0, 0], 0.5, 0.5],
  ['across buckets', [5, 0, 5, 0], 0.75, 3],
  ['beyond the last bound, that bound', [1, 0, 0, 99], 0.99, 4],
  ['of nothing', [0, 0, 0, 0], 0.5, NaN],
])('%s', (_, counts, fraction, expected) => {
  expect(quantile(BOUNDS, counts, fraction)).toBe(expected);
});
