/** Bytes that are no text are refused where they come in, with where. Nothing is ever replaced, so nothing becomes the same. */
import { describe, expect, test } from 'vitest';
import { base64url, signToken } from '../kit/tokens.ts';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { Backend } from '../harness/backend.ts';
import { connect, dial } from '../harness/client.ts';
import { OPCODE, RawSocket } from '../harness/raw-socket.ts';
import { startServer } from '../harness/server.ts';
import { SECRET, tokenOf } from '../harness/tokens.ts';

const HALF = String.raw`\ud800`;

/** A request on a bare socket, where libraries would not send such bytes. */
async function rawRequest(port: number, head: string, body: Uint8Array | string = ''): Promise<string> {
  const socket = await RawSocket.open(port);
  socket.write(
    Buffer.from(`${head}\r\nHost: x\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`, 'latin1'),
  );
  socket.write(body);
  await socket.outcome();
  await socket.until(() => /\r\n\r\n[^]/.test(socket.text), 'the body').catch(() => {});
  return socket.text;
}

describe('HTTP', () => {
  test('bodies that are not UTF-8 are refused with the place, and neither is taken for the other', async () => {
    const server = await startServer({ 'admin.token': ADMIN_TOKEN });
    const backend = await Backend.on(server);
    const body = (byte: number): Uint8Array<ArrayBuffer> => {
      const [head, tail] = ['{"topic":"a.b","idempotency_key":"k","payload":"', '"}'];
      return Uint8Array.from([...Buffer.from(head), byte, ...Buffer.from(tail)]);
    };
    for (const byte of [0xe9, 0xea]) {
      const { status, body: answer } = await backend.post(body(byte));
      expect([status, answer.error.reason]).toEqual([400, 'malformed']);
      expect(answer.error.message).toContain('byte 48');
    }
    expect((await backend.history('a.b')).body.messages).toEqual([]);
    const admin = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const init = { method: 'POST', headers: admin, body: body(0xff) };
    expect((await fetch(`${server.url}/admin/broadcast`, init)).status).toBe(400);
  });

  test('paths, queries and headers', async () => {
    const server = await startServer();
    const auth = `Authorization: Bearer ${await tokenOf('shop', { roles: ['service'] })}`;
    for (const target of [
      '/api/topics/a%ff/history',
      '/api/topics/a%ED%A0%80/position',
      '/api/topics/a/history?since=%ff:1',
      '/api/topics/a/history?limit=1&x=%',
      '/api/topics/a\xff/position',
    ])
      expect(await rawRequest(server.port, `GET ${target} HTTP/1.1\r\n${auth}`)).toMatch(/^HTTP\/1.1 400 /);
    const body = '{"topic":"a.b","payload":1}';
    for (const key of ['k\xe9y', 'k\xeay', 'k\xc3\xa9y', '"k\xe9"']) {
      const head = `POST /api/publish HTTP/1.1\r\n${auth}\r\nIdempotency-Key: ${key}`;
      expect(await rawRequest(server.port, head, body)).toMatch(/^HTTP\/1.1 400 [^]*idempotency-key/);
    }
    const good = `POST /api/publish HTTP/1.1\r\n${auth}\r\nIdempotency-Key: key\r\nUser-Agent: caf\xe9 x`;
    expect(await rawRequest(server.port, good, body)).toMatch(/^HTTP\/1.1 200 /);
  });

  test('halves of surrogate pairs are refused message by message, with the place', async () => {
    const server = await startServer({ 'admin.token': ADMIN_TOKEN });
    const backend = await Backend.on(server);
    const follower = await connect(server.port, { format: 'msgpack' });
    await follower.subscribe('a.b');
    for (const item of [
      `{"topic":"a.b","payload":"${HALF}"}`,
      `{"topic":"a.b","payload":{"${HALF}":1}}`,
      `{"topic":"a.b","payload":1,"id":"${HALF}"}`,
      `{"topic":"a.b","payload":1,"idempotency_key":"${HALF}"}`,
      `{"topic":"a.b","payload":1,"trace":"${HALF}"}`,
      `{"target_user":"${HALF}","payload":1}`,
    ]) {
      const { status, body } = await backend.post(item);
      expect([status, body.error.reason]).toEqual([400, 'invalid_field']);
      expect(body.error.message).toContain(`at byte ${item.indexOf(HALF)}`);
      const array = await backend.post<{ results: { error?: { reason: string }; status?: string }[] }>(
        `[{"topic":"a.c","payload":"${String.raw`\ud83d\ude00`}"},${item}]`,
      );
      expect(array.status).toBe(207);
      expect(array.body.results).toMatchObject([{ status: 'delivered' }, { error: { reason: 'invalid_field' } }]);
    }
    expect((await backend.history('a.b')).body.messages).toEqual([]);
    const admin = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const init = { method: 'POST', headers: admin, body: `{"user":"${HALF}"}` };
    expect((await fetch(`${server.url}/admin/tokens/revoke`, init)).status).toBe(400);
  });
});

describe('WebSocket', () => {
  test('a text frame that is not UTF-8 closes the connection with 1007, whole or in pieces', async () => {
    const server = await startServer();
    for (const frames of [
      [{ opcode: OPCODE.text, payload: Uint8Array.of(0x22, 0xff, 0x22) }],
      [
        { opcode: OPCODE.text, payload: Uint8Array.of(0x22, 0xe2), fin: false },
        { opcode: OPCODE.continuation, payload: Uint8Array.of(0x22) },
      ],
    ]) {
      const socket = await RawSocket.upgraded(server.port);
      for (const frame of frames) socket.send(frame);
      await socket.closed;
      expect(socket.text).not.toContain('"Error"');
    }
  });

  test('halves of surrogate pairs are refused in every field of every frame, with the id that was sent', async () => {
    const server = await startServer();
    const client = await connect(server.port, { user: 'mallory', batching: true });
    const follower = await connect(server.port, { user: 'bob', format: 'msgpack' });
    await follower.subscribe('a.b');
    const frames = [
      `{"type":"Broadcast","id":"%","data":{"topic":"a.b","payload":"${HALF}"}}`,
      `{"type":"Broadcast","id":"%","data":{"topic":"a.b","payload":["x","${HALF}x"]}}`,
      `{"type":"Broadcast","id":"%","data":{"topic":"a.b","payload":{"${HALF}":1}}}`,
      `{"type":"Broadcast","id":"%","data":{"topic":"a.b","payload":1,"idempotency_key":"${HALF}"}}`,
      `{"type":"Broadcast","id":"%","trace":"${HALF}","data":{"topic":"a.b","payload":1}}`,
      `{"type":"DirectMessage","id":"%","data":{"target_user":"bob${HALF}","payload":1}}`,
      `{"type":"DirectMessage","id":"%","data":{"target_user":"bob","payload":"${HALF}"}}`,
      `{"type":"Subscribe","id":"%","data":{"topics":["a.b"],"${HALF}":1}}`,
      `{"type":"X-a","id":"%","data":"${HALF}"}`,
    ];
    for (const [at, frame] of frames.entries()) {
      const text = frame.replace('%', `f${at}`);
      // Each from a connection of its own: malformed frames are strikes.
      const sender = await connect(server.port, { user: 'mallory' });
      sender.sendRaw(text);
      const error = await sender.replyTo(`f${at}`);
      expect(error).toMatchObject({ type: 'Error', data: { reason: 'invalid_field' } });
      expect(JSON.stringify(error.data)).toContain(`at byte ${text.indexOf(HALF)}`);
    }
    client.sendRaw(`[${frames[0]?.replace('%', 'bad')},{"type":"Ping","id":"good","data":{}}]`);
    expect(await client.replyTo('bad')).toMatchObject({ type: 'Error' });
    expect(await client.replyTo('good')).toMatchObject({ type: 'Pong' });
    client.sendRaw(`{"type":"Broadcast","id":"${HALF}","data":{"topic":"a.b","payload":1}}`);
    expect(await client.next('Error')).not.toHaveProperty('reply_to');
    await client.publish('a.b', 'whole 😀');
    expect(await follower.next('Broadcast')).toMatchObject({ data: { payload: 'whole 😀' } });
  });

  test('a query that is no text is no handshake', async () => {
    const server = await startServer();
    const head = 'GET /ws?token=%ff HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13';
    const key = `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`;
    expect(await rawRequest(server.port, `${head}\r\n${key}`)).toMatch(/^HTTP\/1.1 400 [^]*bad_handshake/);
  });

  test('tokens whose claims are no text are refused: they would name the same user', async () => {
    const server = await startServer();
    const secret = Buffer.from(SECRET);
    const claims = (sub: string): string => `{"sub":"${sub}","roles":["user"],"exp":4000000000}`;
    for (const sub of [HALF, String.raw`\udbff`, String.raw`x\udc00`])
      await expectRefused(server.port, signToken({ secret, claims: claims(sub) }));
    for (const byte of [0xfe, 0xff]) {
      const bytes = Buffer.from(claims('?'));
      bytes[bytes.indexOf('?')] = byte;
      const head = base64url('{"alg":"HS256"}');
      const { createHmac } = await import('node:crypto');
      const input = `${head}.${bytes.toString('base64url')}`;
      await expectRefused(server.port, `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`);
    }
    await connect(server.port, { token: signToken({ secret, claims: claims(String.raw`\ud83d\ude00`) }) });
  });
});

async function expectRefused(port: number, token: string): Promise<void> {
  const client = await dial(port, { token, query: { refuse: 'close' } });
  expect((await client.closed).code).toBe(4301);
}
