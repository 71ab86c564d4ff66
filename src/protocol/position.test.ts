import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { messageId, messageTime } from './position.ts';
import { topicDigest } from './topic.ts';

test('a message id gives back its time', () => {
  fc.assert(
    fc.property(fc.nat(999_999_999_999_999), fc.maxSafeNat(), fc.string(), (time, sequence, topic) => {
      expect(messageTime(messageId(time, sequence, topicDigest(topic)))).toBe(time);
    }),
  );
});

test('a message id is time, sequence and digest joined by dashes', () => {
  expect(messageId(1_763_784_000_123, 17, 'Ab_-9z')).toBe('1763784000123-17-Ab_-9z');
});

test.each([
  '',
  '5',
  '5-6',
  '5-6-abcde',
  '5-6-abcdefg',
  '5-6-abcde!',
  '-5-6-abcdef',
  '5--6-abcdef',
  '5.1-6-abcdef',
  '0x5-6-abcdef',
  ' 5-6-abcdef',
  '5-6-abcdef\n',
  '1234567890123456-6-abcdef',
  '5-12345678901234567-abcdef',
  '１-6-abcdef',
])('%j is not a message id', (text) => {
  expect(messageTime(text)).toBeNull();
});
