import { expect, test } from 'vitest';
import { CLOSE_CODES, CLOSE_RANGES } from './close-codes.ts';

const entries = Object.entries(CLOSE_CODES);

test('no two reasons share a code', () => {
  expect(new Set(entries.map(([, { code }]) => code)).size).toBe(entries.length);
});

test.each(entries)('%s lies in exactly one range, or is the normal end', (reason, { code, when }) => {
  const ranges = CLOSE_RANGES.filter(({ from, to }) => code >= from && code <= to);
  expect(ranges).toHaveLength(reason === 'normal' ? 0 : 1);
  expect(code === 1000).toBe(reason === 'normal');
  expect(when).not.toBe('');
});

test('the ranges are whole hundreds, one after the other, and all differ in what a client does', () => {
  expect(CLOSE_RANGES.map(({ from, to }) => [from, to])).toEqual([
    [4000, 4099],
    [4100, 4199],
    [4200, 4299],
    [4300, 4399],
  ]);
  expect(new Set(CLOSE_RANGES.map(({ client }) => client)).size).toBe(CLOSE_RANGES.length);
});

test('clients come back at once after the end of a stream by its age, and after nothing else', () => {
  const codes: readonly number[] = entries.map(([, { code }]) => code);
  expect(codes.filter((code) => code >= 4200 && code < 4300)).toEqual([4200]);
});
