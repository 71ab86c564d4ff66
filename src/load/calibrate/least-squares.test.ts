import { expect, test } from 'vitest';
import { leastSquares } from './least-squares.ts';

/** What each of three costs, and how often it occurs in a sample. */
const COSTS = [50, 5, 0.2];
const COUNTS = [
  [1, 1, 0],
  [1, 10, 10],
  [1, 100, 100],
  [0.1, 10, 100],
];

test('costs are found from sums of them', () => {
  const samples = COUNTS.map((counts) => ({
    counts,
    measured: counts.reduce((sum, count, at) => sum + count * (COSTS[at] ?? 0), 0),
  }));
  const found = leastSquares(samples);
  for (const [at, cost] of COSTS.entries()) expect(found[at]).toBeCloseTo(cost, 6);
});

test('a cost below nothing is nothing, and the others are found without it', () => {
  const samples = [
    { counts: [1, 1], measured: 10 },
    { counts: [1, 2], measured: 9 },
    { counts: [1, 3], measured: 8.9 },
  ];
  const [one = 0, other] = leastSquares(samples);
  expect(other).toBe(0);
  expect(one).toBeGreaterThan(8.9);
  expect(one).toBeLessThan(10);
});

test('measurements that do not tell costs apart are refused', () => {
  const samples = [{ counts: [1, 2], measured: 3 }];
  expect(() => leastSquares(samples)).toThrow('tell the costs apart');
});
