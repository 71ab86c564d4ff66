import { isRefusal } from '../protocol/errors.ts';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { exportJWK, exportSPKI, generateKeyPair, importSPKI, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { base64url, SECRET } from '../../test/kit/tokens.ts';
import { matchKey, readToken } from './signature.ts';
import { publicKeyFromJwk, publicKeyFromPem, secretKey, type VerificationKey } from './verification-key.ts';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const ALL = [...ALGORITHMS, 'HS256', 'HS384', 'HS512', 'Ed25519'];

function verdict(token: string, keys: readonly VerificationKey[], algorithms = ALL): unknown {
  const read = readToken(token, algorithms);
  if (isRefusal(read)) return read.message;
  const match = matchKey(read, keys);
  return match === null ? 'no key' : isRefusal(match) ? match.message : match.claims;
}

describe.each(ALGORITHMS)('%s', (alg) => {
  test('signed by jose is accepted by the public key, as PEM and as JWK, and by no other key', async () => {
    const mine = await generateKeyPair(alg, { extractable: true });
    const other = await generateKeyPair(alg, { extractable: true });
    const token = await new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg }).sign(mine.privateKey);
    const pem = await exportSPKI(mine.publicKey);
    const jwk = { ...(await exportJWK(mine.publicKey)), kid: 'k1' };
    expect(verdict(token, [publicKeyFromPem('pem', pem)])).toEqual({ sub: 'ann' });
    expect(verdict(token, [publicKeyFromJwk('jwk', jwk)])).toEqual({ sub: 'ann' });
    expect(verdict(token, [publicKeyFromPem('other', await exportSPKI(other.publicKey))])).toBe('no key');
    expect(verdict(token, [secretKey('secret', SECRET)])).toBe('no key');
    const [header, , signature] = token.split('.');
    expect(verdict(`${header}.${base64url('{"sub":"eve"}')}.${signature}`, [publicKeyFromPem('pem', pem)])).toBe(
      'no key',
    );
    expect(await importSPKI(pem, alg)).toBeDefined();
  });
});

describe('the algorithm of a header', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();

  test.each(['HS256', 'HS384', 'HS512'])('%s with the public key as its secret is refused', (alg) => {
    const hash = `sha${alg.slice(2)}`;
    for (const secret of [pem, pem.trim(), publicKey.export({ type: 'spki', format: 'der' })]) {
      const input = `${base64url(JSON.stringify({ alg }))}.${base64url('{"sub":"eve"}')}`;
      const token = `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`;
      expect(verdict(token, [publicKeyFromPem('pem', pem)])).toBe('no key');
      // Beside a secret of our own too.
      expect(verdict(token, [publicKeyFromPem('pem', pem), secretKey('secret', SECRET)])).toBe('no key');
    }
  });

  test('of another curve or family does not reach the key', async () => {
    const { publicKey: curve, privateKey } = await generateKeyPair('ES256');
    const key = publicKeyFromPem('pem', await exportSPKI(curve));
    const token = await new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
    const [, payload, signature] = token.split('.');
    for (const alg of ['ES384', 'ES512', 'RS256', 'PS256', 'EdDSA', 'none'])
      expect(verdict(`${base64url(JSON.stringify({ alg }))}.${payload}.${signature}`, [key], [...ALL, 'none'])).toBe(
        'no key',
      );
  });
});

test.each([
  ['an RSA key of 1024 bits', () => generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey],
  ['an Ed448 key', () => generateKeyPairSync('ed448').publicKey],
  ['an X25519 key, which signs nothing', () => generateKeyPairSync('x25519').publicKey],
  ['a key of the curve secp256k1', () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey],
] as const)('%s is refused when the server starts', (_name, make) => {
  const pem = make().export({ type: 'spki', format: 'pem' }).toString();
  expect(() => publicKeyFromPem('pem', pem)).toThrow(/expected an RSA key of at least 2048 bits/);
});

describe('what the owner of a key says it is for (RFC 7517 sections 4.2 to 4.4)', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const jwk = publicKey.export({ format: 'jwk' });
  const signed = (alg: string): Promise<string> =>
    new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg }).sign(privateKey);

  test.each([
    [{ alg: 'RSA-OAEP' }, /"alg" to be one of RS256.*got "RSA-OAEP"/],
    [{ alg: 'ES256' }, /"alg" to be one of RS256/],
    [{ use: 'enc' }, /"use": "sig", got "enc"/],
    [{ key_ops: ['encrypt', 'wrapKey'] }, /"key_ops" with "verify", got .*wrapKey/],
    [{ key_ops: [] }, /"key_ops" with "verify"/],
  ])('%o is left out', (fields, says) => {
    expect(() => publicKeyFromJwk('jwk', { ...jwk, ...fields })).toThrow(says);
  });

  test('an algorithm of its own is the only one', async () => {
    const key = publicKeyFromJwk('jwk', { ...jwk, alg: 'PS256', use: 'sig', key_ops: ['verify'] });
    expect(verdict(await signed('PS256'), [key])).toEqual({ sub: 'ann' });
    expect(verdict(await signed('RS256'), [key])).not.toEqual({ sub: 'ann' });
  });

  test('Ed25519 has two names', () => {
    const ed = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    expect(publicKeyFromJwk('jwk', { ...ed, alg: 'Ed25519' }).algorithms).toEqual(['EdDSA', 'Ed25519']);
  });
});
