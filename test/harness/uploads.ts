/** Uploads that never end, from several networks. */
import { connect as connectSocket, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { within } from './deadline.ts';

/** Each is another network to the server, on the same machine. */
const NETWORKS = Array.from({ length: 8 }, (_, at) => `127.0.0.${at + 2}`);
/** Together more than bodies of all networks may hold; the smaller ones fill what the larger ones leave. */
const WAVES = [
  { count: 13, bytes: 350_000 },
  { count: 7, bytes: 50_000 },
  { count: 7, bytes: 8_000 },
];

export interface Upload {
  readonly socket: Socket;
  text: string;
}

export interface UploadTarget {
  readonly port: number;
  /** Method and path. */
  readonly line?: string;
  readonly headers?: string;
}

/** Sends a head and most of a body, which never ends. */
export async function upload(
  { port, line = 'POST /api/publish', headers = '' }: UploadTarget,
  localAddress: string,
  bytes: number,
): Promise<Upload> {
  const socket = connectSocket({ host: '127.0.0.1', port, localAddress });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  const sent: Upload = { socket, text: '' };
  socket.on('data', (chunk) => {
    sent.text += chunk.toString('latin1');
  });
  await within(new Promise<void>((resolve) => socket.once('connect', () => resolve())), 'a TCP connection');
  const head = `${line} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n${headers}\r\n`;
  const chunk = `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`;
  socket.write(head + chunk + chunk);
  return sent;
}

/** Uploads that a socket of the kernel has taken, or that were answered. */
export async function uploadAll(target: UploadTarget, networks = NETWORKS): Promise<Upload[]> {
  const uploads: Upload[] = [];
  for (const { count, bytes } of WAVES) {
    const all = networks.flatMap((address) => Array.from({ length: count }, () => upload(target, address, bytes)));
    uploads.push(...(await Promise.all(all)));
  }
  // A request that comes now is behind all of them.
  await new Promise((resolve) => setTimeout(resolve, 300));
  return uploads;
}

/** Whether the head of an answer has come. */
export function answered({ text }: Upload): boolean {
  return text.includes('\r\n\r\n');
}
