/** The members that type, as another one sees them. */
import { expect, test } from 'vitest';
import { Typists } from './typists.ts';

const typing = (user: string, until: number) => ({ event: 'typing', user, isTyping: true, until }) as const;

test('A-11: a member who said that it types and was never heard of again is shown until then and no longer, whatever the clock of the client says', () => {
  const typists = new Typists('me');
  // The client's clock is an hour behind.
  expect(typists.heard(typing('ada', 3_606_000), 3_600_000, 0)).toBe(true);
  expect([typists.at(5_999), typists.nextEnd]).toEqual([['ada'], 6_000]);
  // Said again, it goes on, and shows nobody new.
  expect(typists.heard(typing('ada', 3_609_000), 3_603_000, 3_000)).toBe(false);
  expect(typists.at(8_999)).toEqual(['ada']);
  expect([typists.at(9_000), typists.nextEnd]).toEqual([[], null]);
});

test('D-13: a member is never shown to itself; a stop ends it at once, and a stop of whom nobody saw changes nothing', () => {
  const typists = new Typists('me');
  expect(typists.heard(typing('me', 6_000), 0, 0)).toBe(false);
  expect(typists.heard({ event: 'typing', user: 'bob', isTyping: false }, 0, 0)).toBe(false);
  expect(typists.heard(typing('bob', 6_000), 0, 0)).toBe(true);
  expect(typists.heard(typing('eve', 7_000), 0, 0)).toBe(true);
  expect(typists.heard({ event: 'typing', user: 'bob', isTyping: false }, 1, 1)).toBe(true);
  expect([typists.at(1), typists.nextEnd]).toEqual([['eve'], 7_000]);
  // One that comes late, when its time is over.
  expect(typists.heard(typing('zed', 6_000), 6_000, 6_000)).toBe(false);
  expect(typists.heard({ event: 'read', user: 'zed', to: 3 }, 1, 1)).toBe(false);
});
