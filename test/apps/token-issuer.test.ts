/** Applications that make tokens: with the secret of the server, with a private key, and with a key that it does not take. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import type { App } from '../../src/index.ts';
import { appOf } from '../harness/apps.ts';
import { startServer } from '../harness/server.ts';

function keys(): { readonly publicKey: string; readonly privateKey: string } {
  return generateKeyPairSync('ed25519', {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

function issuing(made: string[], privateKey?: string): App {
  return appOf('issuing', (host) => {
    const now = host.clock.now();
    made.push(host.tokenIssuer(privateKey)({ user: 'ada', roles: ['user'], issuedAt: now, expiresAt: now + 60_000 }));
    return {
      routes: [
        host.route({
          method: 'GET',
          path: '/api/me',
          access: 'user',
          summary: '.',
          handle: ({ principal }) => ({ body: { user: principal.user } }),
        }),
      ],
    };
  });
}

test('tokens that an application makes are taken: by the secret and by a private key, with the issuer and the audience', async () => {
  const { publicKey, privateKey } = keys();
  const claims = { 'auth.issuer': 'https://issuer.example', 'auth.audience': 'chat' };
  const ways = [
    [claims, undefined],
    [{ ...claims, 'auth.public_key': publicKey, 'auth.algorithms': 'HS256,EdDSA' }, privateKey],
  ] as const;
  for (const [settings, key] of ways) {
    const made: string[] = [];
    const server = await startServer(settings, [issuing(made, key)]);
    const answer = await server.get('/api/me', { authorization: `Bearer ${made[0]}` });
    expect([answer.status, await answer.json()]).toEqual([200, { user: 'ada' }]);
  }
});

test('a key that the server does not take stops the start, with what it says of the token', async () => {
  const starting = startServer({ 'auth.public_key': keys().publicKey, 'auth.algorithms': 'HS256,EdDSA' }, [
    issuing([], keys().privateKey),
  ]);
  await expect(starting).rejects.toThrow(
    /apps\.issuing: .*expected \[auth\] to accept tokens that are made here with EdDSA, got: the signature does not match/,
  );
});
