import { expect, test } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

const NOW = Date.parse('2026-11-30T10:00:00Z');

test.each([
  ['seconds', '7', 7_000],
  ['none', '0', 0],
  ['a date', 'Mon, 30 Nov 2026 10:00:30 GMT', 30_000],
  ['a date that is over', 'Mon, 30 Nov 2026 09:00:00 GMT', 0],
  ['more than anybody waits', '9'.repeat(400), undefined],
  ['a word', 'later', undefined],
  ['nothing', null, undefined],
  ['no header', undefined, undefined],
])('Retry-After with %s', (_, header, ms) => {
  expect(retryAfterMs(header, NOW)).toBe(ms);
});

test('a date asks for nothing where the time of day is not known', () => {
  expect(retryAfterMs('Mon, 30 Nov 2026 10:00:30 GMT')).toBeUndefined();
  expect(retryAfterMs('7')).toBe(7_000);
});
