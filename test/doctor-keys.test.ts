/** `doctor` on key sets: away, moved, of the wrong kind, without the key of a token, kept too long. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { keysSet } from '../src/doctor/checks/keys/set.ts';
import { tokensAccepted } from '../src/doctor/checks/tokens/accepted.ts';
import { faults, findings, type Examined } from './harness/doctor.ts';

let privateKey: CryptoKey;
let jwk: JWK;
beforeAll(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  privateKey = pair.privateKey;
  jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k-1', use: 'sig' };
});

async function serve(answer: RequestListener): Promise<Examined> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  return { settings: { 'auth.jwks_url': url, 'auth.algorithms': 'HS256,ES256' } };
}

function json(body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Examined> {
  return serve((_, response) => response.writeHead(200, headers).end(JSON.stringify(body)));
}

function token(kid: string | undefined): Promise<string> {
  const header = { alg: 'ES256', ...(kid !== undefined && { kid }) };
  return new SignJWT({ sub: 'alice', roles: ['user'] })
    .setProtectedHeader(header)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey);
}

describe('a key set', () => {
  test('that is good, with the key of the token', async () => {
    const given = { ...(await json({ keys: [jwk] })), tokens: [await token('k-1')] };
    expect(await faults([keysSet, tokensAccepted], given)).toEqual([]);
    expect(await findings([keysSet], given)).toMatchObject([
      { says: expect.stringContaining('has 1 usable keys of 1, for ES256') as string },
    ]);
  });

  test('that nobody serves, that is away, and that has moved', async () => {
    const dead = { settings: { 'auth.jwks_url': 'http://127.0.0.1:9/keys', 'auth.algorithms': 'HS256,ES256' } };
    expect((await faults([keysSet], dead))[0]).toMatch(/cannot be had: .* → curl -sv/);
    expect((await faults([keysSet], await serve((_, response) => response.writeHead(404).end())))[0]).toContain(
      'answers 404',
    );
    const moved = await serve((_, response) =>
      response.writeHead(301, { location: 'https://id.example.com/keys' }).end(),
    );
    expect((await faults([keysSet], moved))[0]).toContain(
      'nodes follow no redirect → auth.jwks_url = "https://id.example.com/keys"',
    );
  });

  test('that is the description of the provider, or a page', async () => {
    const description = await json({ issuer: 'x', jwks_uri: 'https://id.example.com/jwks' });
    expect((await faults([keysSet], description))[0]).toContain(
      'no key set → auth.jwks_url = "https://id.example.com/jwks"',
    );
    expect((await faults([keysSet], await serve((_, response) => response.end('<html>'))))[0]).toContain(
      'is no key set',
    );
  });

  test('without a key that can verify, or for algorithms that are not allowed', async () => {
    expect((await faults([keysSet], await json({ keys: [{ kty: 'oct', k: 'x' }] })))[0]).toContain(
      'none can verify tokens',
    );
    const other = await json({ keys: [jwk] });
    const settings = { ...other.settings, 'auth.algorithms': 'HS256,RS256' };
    expect((await faults([keysSet], { settings }))[0]).toContain(
      'are for ES256, and auth.algorithms allows HS256, RS256',
    );
  });

  test('without the key that a token names, or with another key of that name', async () => {
    const given = { ...(await json({ keys: [jwk] })), tokens: [await token('k-2')] };
    const found = await faults([keysSet, tokensAccepted], given);
    expect(found[0]).toContain('keys.set the token of alice names the key "k-2", and the set has "k-1"');
    expect(found[1]).toContain('tokens.accepted the token of alice names the key "k-2", and the key set has "k-1"');
    const another = await exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey);
    const renamed = { ...(await json({ keys: [{ ...another, kid: 'k-1' }] })), tokens: [await token('k-1')] };
    expect((await faults([tokensAccepted], renamed))[0]).toContain(
      'names the key "k-1" of the set and was not signed with it',
    );
  });

  test('that may be kept for less time than nodes keep it, or is an old copy', async () => {
    expect((await faults([keysSet], await json({ keys: [jwk] }, { 'cache-control': 'max-age=60' })))[0]).toContain(
      'auth.jwks_max_age_secs = 60',
    );
    expect((await faults([keysSet], await json({ keys: [jwk] }, { age: '7200' })))[0]).toContain('7200 s old');
  });
});
