import { expect, test } from 'vitest';
import { FAULT_NAMES, planFaults } from '../../bench/chaos/schedule.ts';
import { SeededRandom } from '../../src/simulation/seeded-random.ts';

const plan = (seed: number, ms = 600_000): ReturnType<typeof planFaults> =>
  planFaults(new SeededRandom(seed), { ms, nodes: 3, faults: FAULT_NAMES });

test('a seed repeats its schedule, and another one has another', () => {
  expect(plan(7)).toEqual(plan(7));
  expect(plan(7)).not.toEqual(plan(8));
});

test('a shorter run begins as the longer one does', () => {
  const short = plan(7, 60_000);
  expect(short.length).toBeGreaterThan(5);
  expect(plan(7).slice(0, short.length)).toEqual(short);
});

test('every kind of fault comes before any comes again, and all end in time', () => {
  const faults = plan(7);
  expect(new Set(faults.slice(0, FAULT_NAMES.length).map(({ name }) => name))).toEqual(new Set(FAULT_NAMES));
  expect(faults.every(({ at, lasts }) => at + lasts <= 600_000)).toBe(true);
  expect(faults.filter(({ beside }) => beside !== null).length).toBeGreaterThan(5);
});
