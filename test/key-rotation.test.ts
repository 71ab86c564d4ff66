/** Tokens of an identity provider: its keys come from its key set, change there, and are fetched when they are needed. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connect } from './harness/client.ts';
import { handshake, refusalIn } from './harness/raw.ts';
import { startServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

class IdentityProvider {
  fetches = 0;
  readonly served: JWK[] = [];
  private readonly keys = new Map<string, CryptoKey>();
  private readonly server: Server = createServer((_request, response) => {
    this.fetches += 1;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys: this.served }));
  });

  static async start(): Promise<IdentityProvider> {
    const provider = new IdentityProvider();
    await new Promise<void>((resolve) => provider.server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void provider.server.close());
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/keys`;
  }

  /** Begins to sign with a new key, and publishes it. */
  async rotate(kid: string, alg = 'RS256'): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    this.keys.set(kid, privateKey);
    this.served.push({ ...(await exportJWK(publicKey)), kid, alg, use: 'sig' });
  }

  /** Tokens with a key that nobody has published. */
  async forge(): Promise<(kid: string) => Promise<string>> {
    const { privateKey } = await generateKeyPair('RS256');
    return (kid) => {
      this.keys.set(kid, privateKey);
      return this.sign(kid);
    };
  }

  sign(kid: string, user = 'ann', alg = 'RS256'): Promise<string> {
    const jwt = new SignJWT({ roles: ['user'] }).setProtectedHeader({ alg, kid }).setSubject(user);
    return jwt
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(this.keys.get(kid) as CryptoKey);
  }
}

describe('a key set', () => {
  test('is used from the first handshake, through a rotation, without a restart', async () => {
    const provider = await IdentityProvider.start();
    await provider.rotate('2026-01');
    const server = await startServer({
      'auth.algorithms': 'HS256,RS256,ES256',
      'auth.jwks_url': provider.url,
      'auth.jwks_min_interval_secs': '1',
    });
    const first = await connect(server.port, { token: await provider.sign('2026-01') });
    expect(provider.fetches).toBe(1);
    await connect(server.port, { token: await provider.sign('2026-01', 'bob') });
    expect(provider.fetches).toBe(1);
    await provider.rotate('2026-02', 'ES256');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await connect(server.port, { token: await provider.sign('2026-02', 'eve', 'ES256') });
    expect(provider.fetches).toBe(2);
    expect((await first.publish('chat.lobby', 1)).data).toMatchObject({ status: 'delivered' });
    // In-band too, and the shared secret of the configuration still works beside it.
    const { data } = await first.ask('Authenticate', { token: await provider.sign('2026-02', 'ann', 'ES256') });
    expect(data).toMatchObject({ status: 'authenticated' });
    await connect(server.port, { token: await tokenOf('hal') });
  });

  test('is not fetched more often than allowed, whatever strangers send', async () => {
    const provider = await IdentityProvider.start();
    await provider.rotate('real');
    const server = await startServer({ 'auth.algorithms': 'HS256,RS256', 'auth.jwks_url': provider.url });
    await connect(server.port, { token: await provider.sign('real') });
    const forged = await new IdentityProvider().forge();
    for (let n = 0; n < 20; n += 1) {
      const answer = await handshake(server.port, { Authorization: `Bearer ${await forged(`kid-${n}`)}` });
      expect(refusalIn(answer)).toMatchObject({ code: 401, reason: 'token_invalid' });
    }
    expect(provider.fetches).toBe(1);
  });

  test('that cannot be reached refuses its tokens and nothing else', async () => {
    const provider = await IdentityProvider.start();
    await provider.rotate('real');
    const server = await startServer({
      'auth.algorithms': 'HS256,RS256',
      'auth.jwks_url': 'http://127.0.0.1:9/keys',
      'logging.level': 'error',
    });
    const answer = await handshake(server.port, { Authorization: `Bearer ${await provider.sign('real')}` });
    expect(refusalIn(answer)).toMatchObject({ code: 401, reason: 'token_invalid' });
    await connect(server.port, { token: await tokenOf('hal') });
  });
});

test('a public key in the configuration accepts its tokens, and none signed with its text as a secret', async () => {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const pem = await exportSPKI(publicKey);
  const server = await startServer({ 'auth.algorithms': 'EdDSA,HS256', 'auth.public_key': pem });
  const sign = (key: CryptoKey | Uint8Array, alg: string): Promise<string> =>
    new SignJWT({ sub: 'ann', roles: ['user'] }).setProtectedHeader({ alg }).setExpirationTime('1h').sign(key);
  await connect(server.port, { token: await sign(privateKey, 'EdDSA') });
  for (const secret of [pem, pem.trim(), pem.replaceAll('\n', '')]) {
    const confused = await sign(new TextEncoder().encode(secret), 'HS256');
    const answer = await handshake(server.port, { Authorization: `Bearer ${confused}` });
    expect(refusalIn(answer)).toMatchObject({ code: 401, reason: 'token_invalid' });
  }
});
