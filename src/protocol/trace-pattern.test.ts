import { describe, expect, test } from 'vitest';
import { tracePattern } from './trace-pattern.ts';

describe('what can be traced', () => {
  test.each([
    'chat.lobby',
    'chat.*',
    'chat.**',
    'acme/chat.**',
    'acme/chat.lobby',
    '@user.YWxpY2U',
    'acme/@user.YWxpY2U',
  ])('%s as it stands', (text) => {
    expect(tracePattern(text)).toBe(text);
  });

  test('the direct messages of a user, by the user id', () => {
    expect(tracePattern('@user:alice')).toBe('@user.YWxpY2U');
    expect(tracePattern('acme/@user:alice')).toBe('acme/@user.YWxpY2U');
    expect(tracePattern('@user:a/b c\nd')).toBe(`@user.${Buffer.from('a/b c\nd').toString('base64url')}`);
  });

  test.each(['', '*', '**', '*.chat', 'chat.**.x', '@me', 'a/b/chat', 'ac me/chat', '/chat', 'chat lobby', '@user:'])(
    'not %j',
    (text) => {
      expect(tracePattern(text)).toMatchObject({ reason: 'invalid_topic', message: expect.stringContaining('got ') });
    },
  );
});
