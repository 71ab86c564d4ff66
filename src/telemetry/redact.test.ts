import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { redactUrls } from './redact.ts';

test.each([
  ['https://idp.example/keys.json', 'https://idp.example/keys.json'],
  ['https://user:pw@idp.example:444/keys.json', 'https://[redacted]@idp.example:444/keys.json'],
  ['https://idp.example/keys?key=pw#pw', 'https://idp.example/keys?[redacted]'],
  ['redis://:p/w?x@h:6379/1', 'redis://[redacted]'],
  ['redis+sentinel://u:pw@a,b/m?sentinel_password=pw', 'redis+sentinel://[redacted]@a,b/m?[redacted]'],
  ['cannot fetch "https://u:pw@h/x" now', 'cannot fetch "https://[redacted]@h/x" now'],
  ['no URL: a@b?c', 'no URL: a@b?c'],
])('%s', (text, redacted) => {
  expect(redactUrls(text)).toBe(redacted);
});

test('where the path is the secret only the host stays', () => {
  expect(redactUrls('https://hooks.example/services/T0/pw?x=1', 'secret')).toBe('https://hooks.example/[redacted]');
  expect(redactUrls('https://hooks.example:1/', 'secret')).toBe('https://hooks.example:1/');
  expect(redactUrls('https://hooks.example?token=pw', 'secret')).toBe('https://hooks.example/[redacted]');
});

test('names, passwords and queries are never left, whatever they hold', () => {
  const piece = fc.stringMatching(/^[A-Za-z0-9:@/?#%&=+.-]{0,12}$/);
  fc.assert(
    fc.property(piece, piece, (before, query) => {
      const secret = 'PLANTED';
      for (const paths of ['address', 'secret'] as const)
        expect(redactUrls(`x https://u:${before}${secret}@host/p?${query}${secret}`, paths)).not.toContain(secret);
    }),
    { numRuns: 2_000 },
  );
});
