import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { SealError, SealKeys } from './sealing.ts';

const KEY = randomBytes(32).toString('base64');

describe('sealing', () => {
  test('what was sealed opens, and never looks the same twice', () => {
    const keys = new SealKeys(`k1:${KEY}`);
    for (const text of ['', 'secret', 'ü€😀\0', '{"a":"b"}', 'x'.repeat(10_000)]) {
      const sealed = keys.seal(text, 'acme/whatsapp');
      expect(keys.open(sealed, 'acme/whatsapp')).toBe(text);
      expect(keys.seal(text, 'acme/whatsapp').sealed).not.toBe(sealed.sealed);
    }
  });

  test('one flipped bit anywhere is refused, and so are other words about it', () => {
    const keys = new SealKeys(`k1:${KEY}`);
    const { sealed, by } = keys.seal('secret', 'acme/whatsapp');
    const [version = '', ...parts] = sealed.split('.');
    for (const [at, part] of parts.entries()) {
      const bytes = Buffer.from(part, 'base64url');
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const other = [version, ...parts.with(at, flipped.toString('base64url'))].join('.');
        expect(() => keys.open({ sealed: other, by }, 'acme/whatsapp')).toThrow(SealError);
      }
    }
    expect(() => keys.open({ sealed, by }, 'acme/genesys')).toThrow(SealError);
    expect(() => keys.open({ sealed: 'v1.a.b', by }, 'acme/whatsapp')).toThrow(SealError);
    expect(() => keys.open({ sealed, by: 'k2' }, 'acme/whatsapp')).toThrow('key k2');
  });

  test.each([
    ['no id', KEY],
    ['a short key', `k1:${randomBytes(31).toString('base64')}`],
    ['a key that is no base64', `k1:${'ü'.repeat(43)}`],
    ['an id twice', `k1:${KEY},k1:${KEY}`],
    ['an empty entry', `k1:${KEY},`],
  ])('%s is refused without a word of the secret', (_what, text) => {
    let message = '';
    try {
      void new SealKeys(text);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain('seal_keys');
    expect(message).not.toContain(KEY.slice(0, 8));
  });
});
