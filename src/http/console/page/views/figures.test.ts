import { expect, test } from 'vitest';
import { History } from './figures.ts';

const NAMES = ['published', 'event_loop_lag_ms'];
const told = (node: string, at: readonly number[], ...rows: readonly (readonly (number | null)[])[]) => ({
  node,
  at,
  values: Object.fromEntries(NAMES.map((name, index) => [name, rows[index] ?? []])),
});

test('moments of several nodes within five seconds are one: rates are added, of lags the worst counts', () => {
  const history = new History();
  history.add(told('a', [10_000, 15_000], [1, 2], [5, null]));
  history.add(told('b', [11_000, 16_000], [10, 20], [7, null]));
  const lines = history.lines(5_000);
  expect(lines.at).toEqual([10, 15]);
  expect(lines.of('published', false)).toEqual([11, 22]);
  expect(lines.of('event_loop_lag_ms', true)).toEqual([7, null]);
  expect(lines.of('unknown', false)).toEqual([null, null]);
});

test('the next question is for what the slowest node has not told yet; old moments and nodes that are gone are left out', () => {
  const history = new History();
  expect(history.since).toBe(0);
  history.add(told('a', [0, 900_001], [1, 2], [0, 0]));
  history.add(told('b', [800_000], [3], [0]));
  expect(history.since).toBe(800_000);
  // A moment that is told twice counts once.
  history.add(told('a', [900_001], [2], [0]));
  expect(history.lines(5_000).of('published', false)).toEqual([3, 2]);
  history.keep(['a']);
  expect([history.since, history.lines(5_000).of('published', false)]).toEqual([900_001, [2]]);
});
