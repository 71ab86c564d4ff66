import { expect, test } from 'vitest';
import { Keys } from './keys.ts';

test('a key has the prefix, its kind, and tenant and name in braces', () => {
  const keys = new Keys('signalbox', 2);
  expect(keys.key('stream', '', 'chat.a')).toBe('signalbox:stream:{chat.a}');
  expect(keys.key('stream', 'acme', 'chat.a')).toBe('signalbox:stream:{acme/chat.a}');
  expect(keys.key('stream', 'acme', 'chat.a').startsWith(keys.start('stream'))).toBe(true);
});

test.each(['', 'a b', 'a*', '{a}', 'a:b', 'x'.repeat(65)])('the prefix %j is refused', (prefix) => {
  expect(() => new Keys(prefix, 0)).toThrow(RangeError);
});

test('channels have the number of the database, which pub/sub does not know', () => {
  const channelOf = (database: number): string => new Keys('signalbox', database).channel('live', 'acme', 'chat.a');
  expect(channelOf(0)).toBe('signalbox:live:{acme/chat.a}');
  expect(channelOf(2)).toBe('signalbox:2:live:{acme/chat.a}');
  expect(channelOf(2).startsWith(new Keys('signalbox', 2).channelStart('live'))).toBe(true);
  expect(channelOf(21).startsWith(new Keys('signalbox', 2).channelStart('live'))).toBe(false);
});
