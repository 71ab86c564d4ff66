import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { secretKey } from '../auth/verification-key.ts';
import { ConfigError } from './config-error.ts';
import { loadConfig } from './load.ts';
import type { Problem } from './problem.ts';
import type { Config } from './schema.ts';
import { secretBytes, secretText } from './secrets.ts';

const directory = mkdtempSync(join(tmpdir(), 'signalbox-secrets-'));
afterAll(() => rmSync(directory, { recursive: true }));

const SECRET = 'a secret that is long enough for production';

function file(bytes: Uint8Array | string): string {
  const path = join(directory, randomBytes(8).toString('hex'));
  writeFileSync(path, bytes);
  return path;
}

function load(environment: Readonly<Record<string, string>>): Config {
  return loadConfig({ files: [], environment, flags: new Map() }).config;
}

function problems(environment: Readonly<Record<string, string>>): readonly Problem[] {
  try {
    load(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

/** The bytes that the server's key has, after the way that the configuration takes to a worker. */
function keyOf(environment: Readonly<Record<string, string>>): Uint8Array {
  const config = JSON.parse(JSON.stringify(load(environment))) as Config;
  return secretBytes(config.auth.jwt_secret ?? '');
}

test('any bytes come back as they were; text loses the line ends behind it only', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
      const bytes = Buffer.from([...noise, 0xff]);
      const back = secretBytes(JSON.parse(JSON.stringify(secretText(bytes))) as string);
      expect(Buffer.from(back).equals(bytes)).toBe(true);
    }),
  );
  for (const end of ['', '\n', '\r\n', '\n\n']) expect(secretText(Buffer.from(`é x${end}`))).toBe('é x');
});

describe('the file of a key', () => {
  test('of 48 bytes of noise is that key and no other', () => {
    const [noise, other] = [Buffer.alloc(48, 0xfe), Buffer.alloc(48, 0xfd)];
    const key = secretKey('jwt_secret', keyOf({ JWT_SECRET_FILE: file(noise) }));
    const signed = 'header.payload';
    const sign = (secret: Uint8Array): string => createHmac('sha256', secret).update(signed).digest('base64url');
    expect(key.matches('HS256', signed, sign(noise))).toBe(true);
    expect(key.matches('HS256', signed, sign(other))).toBe(false);
    expect(key.matches('HS256', signed, sign(Buffer.from('\u{fffd}'.repeat(48))))).toBe(false);
  });

  test('counts its bytes', () => {
    expect(problems({ JWT_SECRET_FILE: file(Buffer.alloc(31, 0xfe)) })).toMatchObject([{ got: '31 bytes' }]);
    expect(problems({ JWT_SECRET_FILE: file(Buffer.alloc(32, 0xfe)) })).toEqual([]);
  });

  test('of noise that ends like a line keeps that byte; of text, as echo writes it, does not', () => {
    const noise = Buffer.concat([Buffer.alloc(40, 0xe9), Buffer.from('\n')]);
    expect(Buffer.from(keyOf({ JWT_SECRET_FILE: file(noise) })).equals(noise)).toBe(true);
    expect(Buffer.from(keyOf({ JWT_SECRET_FILE: file(`${SECRET}\n`) })).toString()).toBe(SECRET);
  });
});

describe('what its owner does not see is told, and the secret is not', () => {
  test.each([
    ['JWT_SECRET', `\u{feff}${SECRET}`, 'auth.jwt_secret', 'U+FEFF at its beginning'],
    ['JWT_SECRET', `${SECRET}\n`, 'auth.jwt_secret', 'a line end at its end'],
    ['JWT_SECRET', `${SECRET} `, 'auth.jwt_secret', 'U+0020 at its end'],
    ['JWT_SECRET', `\t${SECRET}`, 'auth.jwt_secret', 'U+0009 at its beginning'],
    ['JWT_SECRET', `${SECRET}\u{fffd}`, 'auth.jwt_secret', 'U+FFFD in it'],
    ['ADMIN_TOKEN', `${SECRET}\r\n`, 'admin.token', 'a line end at its end'],
    ['ADMIN_TOKEN', `\u{feff}${SECRET}`, 'admin.token', 'U+FEFF at its beginning'],
    ['ADMIN_TOKEN', `${SECRET}é`, 'admin.token', 'other characters'],
  ])('%s %j', (name, value, key, got) => {
    const environment = { JWT_SECRET: SECRET, [name]: value };
    expect(problems(environment)).toEqual([{ key, expected: expect.any(String), got: `${got} (from ${name})` }]);
    expect(JSON.stringify(problems(environment))).not.toContain(SECRET);
  });

  test.each([
    ['JWT_SECRET', Buffer.from(`\u{feff}${SECRET}\n`), 'U+FEFF at its beginning'],
    ['JWT_SECRET', Buffer.from(`${SECRET} \n`), 'U+0020 at its end'],
    ['ADMIN_TOKEN', Buffer.from(`\u{feff}${SECRET}\n`), 'U+FEFF at its beginning'],
    ['ADMIN_TOKEN', Buffer.alloc(48, 0xfe), 'bytes that are no text'],
    ['REDIS_URL', Buffer.from('redis://:\xff@h', 'latin1'), 'bytes that are no text'],
  ])('%s_FILE %j', (name, bytes, got) => {
    const found = problems({ ...(name !== 'JWT_SECRET' && { JWT_SECRET: SECRET }), [`${name}_FILE`]: file(bytes) });
    expect(found.map((problem) => problem.got)).toContain(`${got} (from ${name}_FILE)`);
  });

  test('a configuration file that is no text is refused, not read as something else', () => {
    const path = file(Buffer.from('[auth]\njwt_secret = "\xff"\n', 'latin1'));
    expect(() => loadConfig({ files: [path], environment: {}, flags: new Map() })).toThrow(/UTF-8/);
  });
});
