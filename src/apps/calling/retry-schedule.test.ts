import { expect, test } from 'vitest';
import { retryDelayMs } from './retry-schedule.ts';

const options = { firstMs: 100, maxMs: 1_000 };
const at = (fraction: number) => ({ id: () => '', fraction: () => fraction });

test('each delay is twice the one before, up to the bound', () => {
  expect([1, 2, 3, 4, 5, 99].map((failures) => retryDelayMs(failures, options, at(1)))).toEqual([
    100, 200, 400, 800, 1_000, 1_000,
  ]);
});

test('jitter takes up to half of it away', () => {
  expect(retryDelayMs(3, options, at(0))).toBe(200);
  expect(retryDelayMs(3, options, at(0.5))).toBe(300);
});

test('the backend may ask for more time, up to the bound', () => {
  expect(retryDelayMs(1, options, at(0), 700)).toBe(700);
  expect(retryDelayMs(1, options, at(0), 90_000)).toBe(1_000);
  expect(retryDelayMs(1, options, at(0), undefined)).toBe(50);
});
