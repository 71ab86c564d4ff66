/** Bodies that arrive slowly, from those who may send none: what others upload must not wait for them. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { eventually, within } from '../harness/deadline.ts';
import { RawSocket } from '../harness/raw-socket.ts';
import { startServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';
import { answered, upload, uploadAll, type UploadTarget } from '../harness/uploads.ts';

/** A body in two chunks, the second after the first has arrived. @returns the status */
async function honestPublish(port: number): Promise<number> {
  const token = await tokenOf('backend', { claims: { roles: ['service'] } });
  const socket = await RawSocket.open(port);
  const body = JSON.stringify({ topic: 'news', payload: 'x'.repeat(40_000) });
  const chunkOf = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
  const head = `POST /api/publish HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  socket.write(head + chunkOf(body.slice(0, 20_000)));
  await new Promise((resolve) => setTimeout(resolve, 50));
  socket.write(`${chunkOf(body.slice(20_000))}0\r\n\r\n`);
  await socket.outcome();
  return socket.status;
}

/** Refused at their heads, while an honest upload beside them is answered. */
async function expectRefused(target: UploadTarget, statuses: RegExp): Promise<void> {
  const uploads = await uploadAll(target);
  expect(await honestPublish(target.port)).toBe(200);
  await eventually(() => uploads.every(answered), 'each upload to be refused');
  expect(uploads.map(({ text }) => text.slice(0, 13)).filter((text) => !statuses.test(text))).toEqual([]);
}

const bearer = (token: string): string => `Authorization: Bearer ${token}\r\n`;

describe('uploads from eight networks are refused at their heads, and an honest one beside them is answered', () => {
  test('without a token', async () => {
    const { port } = await startServer();
    await expectRefused({ port }, /^HTTP\/1\.1 4(01|29) $/);
  });

  test('with invented tokens', async () => {
    const { port } = await startServer({ 'auth.failures_per_minute': '1000000' });
    await expectRefused({ port, headers: bearer(await tokenOf('mallory', { secret: 'wrong' })) }, /^HTTP\/1\.1 401 $/);
  });

  test('with tokens of users who may not publish by HTTP', async () => {
    const { port } = await startServer();
    await expectRefused({ port, headers: bearer(await tokenOf('mallory')) }, /^HTTP\/1\.1 4(03|29) $/);
  });

  test('with invented tokens for operators', async () => {
    const { port } = await startServer({ 'admin.token': ADMIN_TOKEN, 'auth.failures_per_minute': '1000000' });
    const line = 'PUT /admin/config/log-level';
    await expectRefused({ port, line, headers: bearer('not-the-token') }, /^HTTP\/1\.1 401 $/);
  });

  test('with a path that is no text', async () => {
    const { port } = await startServer();
    await expectRefused({ port, line: 'POST /api/publish?%' }, /^HTTP\/1\.1 400 $/);
  });

  test('where nothing is uploaded', async () => {
    const { port } = await startServer();
    await expectRefused({ port, line: 'GET /health' }, /^HTTP\/1\.1 200 $/);
    await expectRefused({ port, line: 'OPTIONS /api/publish' }, /^HTTP\/1\.1 204 $/);
  });
});

test('an address whose failed tokens are used up uploads nothing', async () => {
  const { port } = await startServer({ 'auth.failures_per_minute': '3' });
  const headers = bearer(await tokenOf('mallory', { secret: 'wrong' }));
  const statuses: string[] = [];
  for (let at = 0; at < 5; at += 1) {
    const sent = await upload({ port, headers }, '127.0.0.2', 10);
    await eventually(() => answered(sent), 'an answer before the end of the body');
    statuses.push(sent.text.slice(9, 12));
  }
  expect(statuses).toEqual(['401', '401', '401', '429', '429']);
});

test('a token that is revoked while its body arrives publishes nothing', async () => {
  const { port } = await startServer({ 'admin.token': ADMIN_TOKEN });
  const token = await tokenOf('backend', { claims: { roles: ['service'] } });
  const raw = await RawSocket.open(port);
  raw.write(`POST /api/publish HTTP/1.1\r\nHost: x\r\n${bearer(token)}Content-Length: 31\r\n\r\n{"topic":"a"`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect((await new Admin(port).post('/admin/tokens/revoke', { user: 'backend' })).status).toBe(200);
  raw.write(',"payload":"after"}');
  expect(await raw.outcome()).toBe(401);
});

test('uploads of who may upload share what their address may hold', async () => {
  const { port } = await startServer();
  const headers = bearer(await tokenOf('mallory', { claims: { roles: ['service'] } }));
  const uploads = await uploadAll({ port, headers }, ['127.0.0.2', '127.0.0.2', '127.0.0.2']);
  expect(await honestPublish(port)).toBe(200);
  await eventually(() => uploads.some(answered), 'some uploads to be refused');
  expect(uploads.filter((sent) => answered(sent) && !sent.text.startsWith('HTTP/1.1 503 '))).toEqual([]);
});

describe('while the key of a token is fetched', () => {
  test('little of a body is kept, and uploads whose key is known are answered', async () => {
    const provider = await SlowProvider.start();
    const { port } = await startServer({ 'auth.algorithms': 'HS256,RS256', 'auth.jwks_url': provider.url });
    const { privateKey } = await generateKeyPair('RS256');
    const token = await signed(privateKey, 'eve');
    const uploads = await uploadAll({ port, headers: bearer(token) });
    expect(await honestPublish(port)).toBe(200);
    provider.answer([]);
    await eventually(() => uploads.every(answered), 'each upload to be refused');
    expect(uploads.filter(({ text }) => !/^HTTP\/1\.1 (401|429|503) /.test(text))).toEqual([]);
  });

  test('an honest upload waits, and comes whole', async () => {
    const provider = await SlowProvider.start();
    const { port } = await startServer({ 'auth.algorithms': 'HS256,RS256', 'auth.jwks_url': provider.url });
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const token = await signed(privateKey, 'backend');
    const item = (at: number): object => ({ topic: 'news', payload: `${at}`.padStart(50_000, 'x') });
    const publish = (body: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}/api/publish`, {
        method: 'POST',
        body,
        headers: { authorization: `Bearer ${token}` },
      });
    const answers = [
      publish(JSON.stringify(Array.from({ length: 20 }, (_, at) => item(at)))),
      publish(JSON.stringify({ topic: 'news', payload: 1 })),
    ];
    await eventually(() => provider.asked, 'the keys to be asked for');
    await new Promise((resolve) => setTimeout(resolve, 100));
    provider.answer([{ ...(await exportJWK(publicKey)), kid: 'new', alg: 'RS256' }]);
    expect((await within(Promise.all(answers), 'the answers')).map(({ status }) => status)).toEqual([200, 200]);
  });
});

function signed(key: CryptoKey, user: string): Promise<string> {
  const jwt = new SignJWT({ roles: ['service'] }).setProtectedHeader({ alg: 'RS256', kid: 'new' });
  return jwt.setSubject(user).setIssuedAt().setExpirationTime('1h').sign(key);
}

/** An identity provider that answers when it is told to. */
class SlowProvider {
  private readonly waiting: ServerResponse[] = [];
  private readonly server = createServer((_request, response) => this.waiting.push(response));

  static async start(): Promise<SlowProvider> {
    const provider = new SlowProvider();
    await new Promise<void>((resolve) => provider.server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      provider.server.closeAllConnections();
      provider.server.close();
    });
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/keys`;
  }

  get asked(): boolean {
    return this.waiting.length > 0;
  }

  answer(keys: readonly JWK[]): void {
    for (const response of this.waiting.splice(0)) response.end(JSON.stringify({ keys }));
  }
}
