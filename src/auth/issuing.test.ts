/** Tokens that are made here, read here and by jose. */
import { generateKeyPairSync } from 'node:crypto';
import { importSPKI, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { isRefusal } from '../protocol/errors.ts';
import { systemClock as clock } from '../telemetry/system-clock.ts';
import { Authenticator } from './authenticator.ts';
import { hmacKey, issuerOf, privateSigningKey } from './issuing.ts';
import { publicKeyFromPem, secretKey, type VerificationKey } from './verification-key.ts';

const SECRET = new TextEncoder().encode('a secret for tests only, of at least 32 bytes');
const RULES = { issuer: 'https://issuer.example', audience: 'chat' };

function pems(
  type: 'rsa' | 'rsa-pss' | 'ec' | 'ed25519',
  options: object,
): { readonly own: string; readonly open: string } {
  const encodings = {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  } as const;
  const make = generateKeyPairSync as (
    type: string,
    options: object,
  ) => { readonly privateKey: string; readonly publicKey: string };
  const { privateKey: own, publicKey: open } = make(type, { ...options, ...encodings });
  return { own, open };
}

function authenticatorOf(key: VerificationKey, algorithms: readonly string[]): Authenticator {
  return new Authenticator(
    { ...RULES, keys: [key], algorithms, leewaySecs: 60, requireExpiry: true, cacheSize: 10 },
    clock,
  );
}

function tokenFor(key: Parameters<typeof issuerOf>[0]): string {
  const now = clock.now();
  return issuerOf(
    key,
    RULES,
  )({
    tenant: 'acme',
    user: 'ada',
    roles: ['user', 'admin'],
    topics: { subscribe: ['chat.**'], publish: [] },
    subscribe: ['chat.lobby'],
    tokenId: 'one',
    issuedAt: now,
    expiresAt: now + 60_000,
  });
}

test.each(['HS256', 'HS384', 'HS512'])('%s: what is issued is what is read', async (algorithm) => {
  const before = clock.now();
  const token = tokenFor(hmacKey(algorithm, SECRET));
  const read = authenticatorOf(secretKey('jwt_secret', SECRET), [algorithm]).check(token);
  expect(isRefusal(read) ? read : read.principal).toMatchObject({
    tenant: 'acme',
    user: 'ada',
    roles: ['user', 'admin'],
    topics: { subscribe: ['chat.**'], publish: [] },
    subscribe: ['chat.lobby'],
    tokenId: 'one',
  });
  // To the millisecond: a revocation a moment earlier in the same second is not about it.
  expect(isRefusal(read) ? 0 : read.principal.issuedAt).toBeGreaterThanOrEqual(before);
  expect((await jwtVerify(token, SECRET, RULES)).payload.sub).toBe('ada');
});

test.each([
  ['RS256', 'rsa', { modulusLength: 2_048 }],
  ['PS384', 'rsa', { modulusLength: 2_048 }],
  ['ES256', 'ec', { namedCurve: 'P-256' }],
  ['ES384', 'ec', { namedCurve: 'P-384' }],
  ['EdDSA', 'ed25519', {}],
] as const)('%s: a private key signs what its public key takes', async (algorithm, type, options) => {
  const { own, open } = pems(type, options);
  const token = tokenFor(privateSigningKey(own, ['HS256', algorithm]));
  const read = authenticatorOf(publicKeyFromPem('public_key', open), [algorithm]).check(token);
  expect(read).toMatchObject({ key: 'public_key', principal: { user: 'ada' } });
  expect((await jwtVerify(token, await importSPKI(open, algorithm), RULES)).payload.sub).toBe('ada');
});

test('a key that no algorithm of the server fits, and text that is no key, are said', () => {
  const { own } = pems('ed25519', {});
  expect(() => privateSigningKey(own, ['HS256', 'RS256'])).toThrow(
    'expected one of EdDSA, Ed25519 in auth.algorithms, got HS256, RS256',
  );
  expect(() => privateSigningKey('no key', ['RS256'])).toThrow();
});
