/** Bodies that arrive slowly, from those who may send none: what others upload must not wait for them. */
import { connect as connectSocket, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { eventually, within } from '../harness/deadline.ts';
import { RawSocket } from '../harness/raw-socket.ts';
import { startServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

/** `127.0.0.2` is another client to the server, on the same machine. */
const STRANGER = '127.0.0.2';
/** Together more than bodies may hold; the smaller ones fill what the larger ones leave. */
const WAVES = [
  { count: 110, bytes: 350_000 },
  { count: 60, bytes: 50_000 },
  { count: 60, bytes: 8_000 },
];

interface Upload {
  readonly socket: Socket;
  text: string;
}

/** Sends a head and most of a body, which never ends. */
async function upload(port: number, headers: string, bytes: number): Promise<Upload> {
  const socket = connectSocket({ host: '127.0.0.1', port, localAddress: STRANGER });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  const sent: Upload = { socket, text: '' };
  socket.on('data', (chunk) => {
    sent.text += chunk.toString('latin1');
  });
  await within(new Promise<void>((resolve) => socket.once('connect', () => resolve())), 'a TCP connection');
  const head = `POST /api/publish HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n${headers}\r\n`;
  const chunk = `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`;
  const written = new Promise<void>((resolve) => socket.write(head + chunk + chunk, () => resolve()));
  await within(written, 'the upload to be written');
  return sent;
}

async function uploadAll(port: number, headers: string): Promise<Upload[]> {
  const uploads: Upload[] = [];
  for (const { count, bytes } of WAVES)
    uploads.push(...(await Promise.all(Array.from({ length: count }, () => upload(port, headers, bytes)))));
  return uploads;
}

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

const answered = ({ text }: Upload): boolean => text.includes('\r\n\r\n');

test('uploads without a token are refused at their head, and an honest one beside them is answered', async () => {
  const server = await startServer();
  const uploads = await uploadAll(server.port, '');
  expect(await honestPublish(server.port)).toBe(200);
  await eventually(() => uploads.every(answered), 'each upload to be refused');
  expect(uploads.filter(({ text }) => !/^HTTP\/1\.1 4(01|29) /.test(text))).toEqual([]);
});

test('uploads with a bad token share what their address may hold, and an honest one beside them is answered', async () => {
  const server = await startServer();
  const bad = `Authorization: Bearer ${await tokenOf('mallory', { secret: 'wrong' })}\r\n`;
  const uploads = await uploadAll(server.port, bad);
  expect(await honestPublish(server.port)).toBe(200);
  await eventually(() => uploads.filter(answered).length > uploads.length / 2, 'most uploads to be refused');
  expect(uploads.filter((sent) => answered(sent) && !sent.text.startsWith('HTTP/1.1 503 '))).toEqual([]);
});
