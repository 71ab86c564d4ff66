import { expect, test } from 'vitest';
import { Keys } from './keys.ts';

test('a key has the prefix, its kind, and tenant and name in braces', () => {
  const keys = new Keys('signalbox');
  expect(keys.key('stream', '', 'chat.a')).toBe('signalbox:stream:{chat.a}');
  expect(keys.key('stream', 'acme', 'chat.a')).toBe('signalbox:stream:{acme/chat.a}');
  expect(keys.key('stream', 'acme', 'chat.a').startsWith(keys.start('stream'))).toBe(true);
});

test.each(['', 'a b', 'a*', '{a}', 'a:b', 'x'.repeat(65)])('the prefix %j is refused', (prefix) => {
  expect(() => new Keys(prefix)).toThrow(RangeError);
});
