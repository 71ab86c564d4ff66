/** Bodies that an application reads while they arrive, from clients who send them as they should, and as they should not. */
import { createHash, randomBytes } from 'node:crypto';
import { connect as connectSocket, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { App, Host } from '../../src/index.ts';
import { appOf } from '../harness/apps.ts';
import { eventually, within } from '../harness/deadline.ts';
import { openServer, type TestServer } from '../harness/server.ts';

const MAX = 4_000_000;

/** Bytes that `/apps/sink/sized/…` says it gives. */
const SIZED = 3_000_000;

async function* pieces(total: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < total; at += 100_000) yield new Uint8Array(Math.min(100_000, total - at)).fill(at / 100_000);
}

/** What the handlers have seen. */
const seen: string[] = [];
/** Lets the handler of `/apps/sink/slow` read on. */
let readOn: (() => void) | null = null;
let largest = 0;

function sink(host: Host): ReturnType<App['start']> {
  const route = (path: string, handle: (body: AsyncIterable<Uint8Array>) => Promise<object>, deadlineMs = 10_000) =>
    host.route({
      method: 'PUT',
      path: `/apps/sink/${path}`,
      access: 'public',
      summary: 'Takes bytes while they come.',
      body: 'stream',
      maxBody: MAX,
      deadlineMs,
      handle: async ({ body }) => ({ body: await handle(body) }),
    });
  const digest = async (body: AsyncIterable<Uint8Array>): Promise<object> => {
    const hash = createHash('sha256');
    let size = 0;
    try {
      for await (const piece of body) {
        hash.update(piece);
        size += piece.byteLength;
        largest = Math.max(largest, piece.byteLength);
      }
      seen.push('whole');
    } catch (error) {
      seen.push(String(error));
      throw error;
    }
    return { size, digest: hash.digest('hex') };
  };
  return {
    routes: [
      route('digest', digest),
      route('brief', digest, 400),
      route('refuse', async () => ({ size: -1 })),
      host.route({
        method: 'GET',
        path: '/apps/sink/sized/:given',
        access: 'public',
        summary: 'Gives pieces of a length that it says.',
        handle: ({ parameters }) => ({
          headers: { 'content-length': String(SIZED) },
          body: pieces(Number(parameters['given'])),
        }),
      }),
      route('first', async (body) => {
        for await (const piece of body) return { size: piece.byteLength };
        return { size: 0 };
      }),
      route('slow', async (body) => {
        await new Promise<void>((resolve) => {
          readOn = resolve;
        });
        return digest(body);
      }),
    ],
  };
}

let server: TestServer;
beforeAll(async () => {
  server = await openServer({ 'rate_limiting.enabled': 'false' }, [appOf('sink', sink)]);
});
afterAll(() => server.stop());

function put(path: string, body: Uint8Array<ArrayBuffer>): Promise<Response> {
  return within(fetch(`${server.url}/apps/sink/${path}`, { method: 'PUT', body }), path);
}

async function expectTaken(body: Uint8Array<ArrayBuffer>): Promise<void> {
  const answer = await put('digest', body);
  expect(await answer.json()).toEqual({
    size: body.byteLength,
    digest: createHash('sha256').update(body).digest('hex'),
  });
}

/** A connection that sends what it is told, and keeps what comes. */
class Upload {
  text = '';
  isClosed = false;
  readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('close', () => (this.isClosed = true));
    socket.on('data', (chunk) => (this.text += chunk.toString('latin1')));
  }

  static async begin(path: string, headers: string): Promise<Upload> {
    const socket = connectSocket(server.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    const upload = new Upload(socket);
    await within(new Promise<void>((resolve) => socket.once('connect', () => resolve())), 'a TCP connection');
    socket.setNoDelay(true);
    socket.write(`PUT /apps/sink/${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`);
    return upload;
  }

  async answer(): Promise<string> {
    await eventually(() => this.text.includes('}') || this.isClosed, 'an answer');
    return this.text;
  }
}

const CHUNKED = 'Transfer-Encoding: chunked';
const chunkOf = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

test('any bytes come out as they went in, also none, and the bound to the byte', async () => {
  for (const size of [0, 1, 70_000, MAX]) await expectTaken(new Uint8Array(randomBytes(size)));
  const over = await put('digest', new Uint8Array(MAX + 1));
  expect([over.status, await over.json()]).toMatchObject([413, { error: { reason: 'payload_too_large' } }]);
  const empty = await fetch(`${server.url}/apps/sink/digest`, { method: 'PUT' });
  expect(await empty.json()).toMatchObject({ size: 0 });
});

test('a body in chunks of one byte is read, and one that goes on beyond the bound is refused while it comes', async () => {
  const small = await Upload.begin('digest', CHUNKED);
  for (const letter of 'abcdefgh') small.socket.write(chunkOf(letter));
  small.socket.write('0\r\n\r\n');
  expect(await small.answer()).toContain('"size":8');
  const endless = await Upload.begin('digest', CHUNKED);
  const chunk = chunkOf('x'.repeat(100_000));
  for (let at = 0; at <= MAX / 100_000; at += 1) endless.socket.write(chunk);
  expect(await endless.answer()).toContain('HTTP/1.1 413 ');
});

test('more than Content-Length says is no part of the body', async () => {
  const upload = await Upload.begin('digest', 'Content-Length: 5');
  upload.socket.write('helloGARBAGE that is no request\r\n\r\n');
  await eventually(() => upload.isClosed || upload.text.includes('400 '), 'the rest to be refused');
  const digest = createHash('sha256').update('hello').digest('hex');
  expect(upload.text.includes(digest) || upload.isClosed).toBe(true);
  expect(upload.text).not.toMatch(/"size":(?!5)/);
});

test('a client that goes in the middle ends the loop of the handler, and is no fault of the application', async () => {
  seen.length = 0;
  const upload = await Upload.begin('digest', 'Content-Length: 1000000');
  upload.socket.write('x'.repeat(300_000));
  await new Promise((resolve) => setImmediate(resolve));
  upload.socket.destroy();
  await eventually(() => seen.length === 1, 'the handler to be told');
  expect(seen).toEqual(['BodyError: expected a whole body: the client has gone']);
  expect(await server.samples('signalbox_app_failures_total')).toEqual([]);
});

test('a body that trickles is cut at the deadline of the route, and its handler is told', async () => {
  seen.length = 0;
  const upload = await Upload.begin('brief', 'Content-Length: 1000');
  const trickle = setInterval(() => upload.socket.write('x'), 20);
  const text = await upload.answer();
  clearInterval(trickle);
  expect(text).toContain('HTTP/1.1 503 ');
  expect(text).toContain('application_timeout');
  await eventually(() => seen.length === 1, 'the handler to be told');
  expect(seen).toEqual(['BodyError: expected a whole body before the answer']);
});

test('an answer before the end of the body: the rest is dropped, and the connection goes on', async () => {
  for (const path of ['refuse', 'first']) {
    const upload = await Upload.begin(path, 'Content-Length: 2000000');
    upload.socket.write('x'.repeat(100_000));
    expect(await upload.answer()).toContain('HTTP/1.1 200 ');
    upload.text = '';
    upload.socket.write('x'.repeat(1_900_000));
    upload.socket.write('PUT /apps/sink/digest HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok');
    expect(await upload.answer()).toContain('"size":2');
  }
});

test('a reader that does not read makes its client wait: what is unread stays in the network', async () => {
  const upload = await Upload.begin('slow', `Content-Length: ${MAX}`);
  await eventually(() => readOn !== null, 'the handler to be called');
  const body = randomBytes(MAX);
  let isSent = false;
  upload.socket.write(body, () => (isSent = true));
  largest = 0;
  await new Promise((resolve) => setTimeout(resolve, 200));
  readOn?.();
  expect(await upload.answer()).toContain(createHash('sha256').update(body).digest('hex'));
  expect(isSent).toBe(true);
  // What was read at once was all that was held.
  expect(largest).toBeLessThan(1_200_000);
});

test('a hundred at the same time are all taken', async () => {
  const bodies = Array.from({ length: 100 }, () => new Uint8Array(randomBytes(150_000)));
  await Promise.all(bodies.map(expectTaken));
});

test('an answer in pieces says how long it is, and one that is shorter ends with its connection', async () => {
  const sized = (given: number): Promise<Response> => fetch(`${server.url}/apps/sink/sized/${given}`);
  const whole = await sized(SIZED);
  expect(whole.headers.get('content-length')).toBe(String(SIZED));
  const bytes = new Uint8Array(await whole.arrayBuffer());
  expect([bytes.byteLength, bytes[0], bytes[1_234_567], bytes.at(-1)]).toEqual([SIZED, 0, 12, 29]);
  for (const given of [SIZED - 1, 0])
    await expect(sized(given).then((response) => within(response.arrayBuffer(), 'the end'))).rejects.toThrow(
      /terminated|fetch failed/,
    );
  const head = await fetch(`${server.url}/apps/sink/sized/1`, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(SIZED)]);
});

test('a client that reads slowly gets all of a long answer', async () => {
  const socket = connectSocket(server.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.write(`GET /apps/sink/sized/${SIZED} HTTP/1.1\r\nHost: x\r\n\r\n`);
  let received = 0;
  socket.on('data', ({ byteLength }) => {
    received += byteLength;
    socket.pause();
    setImmediate(() => socket.resume());
  });
  await eventually(() => received > SIZED, 'all of it');
});
