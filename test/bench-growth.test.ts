/** A cost that is steeper than linear must be called so, and noise must not. */
import { expect, test } from 'vitest';
import { growths, type Curve, type Kind } from '../bench/growth/curve.ts';

function curve(kind: Kind, values: readonly (number | null)[]): Curve {
  const points = values.map((value, at) => ({ x: 10 ** (at + 1), figures: { cost: value ?? Number.NaN } }));
  return { id: 'c', title: 'c', of: 'things', kinds: { cost: kind }, points };
}

test.each([
  ['a total that grows as the work does', 'total', [1, 10, 100], 1, false],
  ['a total that grows with its square', 'total', [1, 100, 10_000], 2, true],
  ['a total that stays', 'total', [5, 5, 5], 0, false],
  ['a cost of each that stays', 'each', [5, 5, 5], 1, false],
  ['a cost of each that grows', 'each', [5, 10, 10], 1.3, true],
  ['a cost of each that differs by a fifth', 'each', [5, 6, 5], 1.08, false],
  ['a knee at the last step', 'each', [5, 5, 50], 2, true],
] as const)('%s', (_what, kind, values, exponent, isSteep) => {
  const [found] = growths(curve(kind, values));
  expect(found?.isSteep).toBe(isSteep);
  expect(found?.exponent).toBeCloseTo(exponent, 1);
});

test('a point that could not be measured is left out of the judgement', () => {
  expect(growths(curve('each', [null, 5, 5]))).toMatchObject([{ from: 100, to: 1_000, isSteep: false }]);
  expect(growths(curve('each', [5]))).toEqual([]);
});
