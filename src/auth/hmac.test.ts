import { createHmac } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Hmac, type HashName } from './hmac.ts';

const NAMES: readonly HashName[] = ['sha256', 'sha384', 'sha512'];

test('the examples of RFC 4231', () => {
  const hex = (text: string): Buffer => Buffer.from(text, 'hex');
  const digest = (key: Buffer, text: string): string =>
    Buffer.from(new Hmac('sha256', key).of(text), 'base64url').toString('hex');
  expect(digest(hex('0b'.repeat(20)), 'Hi There')).toBe(
    'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  );
  expect(digest(Buffer.from('Jefe'), 'what do ya want for nothing?')).toBe(
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
  expect(digest(hex('aa'.repeat(131)), 'Test Using Larger Than Block-Size Key - Hash Key First')).toBe(
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  );
});

test.each(NAMES)('%s: what createHmac says, for keys and texts of all lengths, one after the other', (name) => {
  const texts = fc.array(
    fc.string({ unit: fc.constantFrom('a', 'Z', '0', '-', '_', '.'), maxLength: 5_000, size: 'max' }),
    {
      minLength: 1,
      maxLength: 4,
    },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300, size: 'max' }), texts, (key, list) => {
      const hmac = new Hmac(name, key);
      for (const text of list) expect(hmac.of(text)).toBe(createHmac(name, key).update(text).digest('base64url'));
    }),
    { numRuns: 60 },
  );
});
