/** Bytes on a bare TCP socket: handshakes and WebSocket frames that no library would send. */
import { connect, type Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { within } from './deadline.ts';
import { tokenOf } from './tokens.ts';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameParts {
  readonly opcode: number;
  readonly payload?: string | Uint8Array;
  readonly fin?: boolean;
  /** The three reserved bits as a number. */
  readonly reserved?: number;
  readonly masked?: boolean;
  /** Instead of the payload's own. */
  readonly declaredLength?: bigint;
}

/** A frame of RFC 6455 section 5.2, as wrong as it is asked to be. */
export function rawFrame({
  opcode,
  payload = '',
  fin = true,
  reserved = 0,
  masked = true,
  ...rest
}: FrameParts): Buffer {
  const bytes = Buffer.from(payload as string);
  const length = rest.declaredLength ?? BigInt(bytes.byteLength);
  const head = [(fin ? 0x80 : 0) | (reserved << 4) | opcode];
  const mask = masked ? 0x80 : 0;
  const size = length < 126n ? 0 : length < 65_536n ? 2 : 8;
  head.push(mask | (size === 0 ? Number(length) : size === 2 ? 126 : 127));
  for (let at = size - 1; at >= 0; at -= 1) head.push(Number((length >> BigInt(8 * at)) & 0xffn));
  if (!masked) return Buffer.concat([Buffer.from(head), bytes]);
  const key = randomBytes(4);
  return Buffer.concat([Buffer.from(head), key, bytes.map((byte, at) => byte ^ (key[at & 3] ?? 0))]);
}

/** The head of a good handshake. @param more further header lines, each with its CRLF */
export async function handshakeText(user: string, more = ''): Promise<string> {
  const key = randomBytes(16).toString('base64');
  return `GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\nAuthorization: Bearer ${await tokenOf(user)}\r\n${more}\r\n`;
}

export class RawSocket {
  /** Everything that came. */
  received: Buffer = Buffer.alloc(0);
  isClosed = false;
  readonly closed: Promise<void>;
  private readonly socket: Socket;
  private notify: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    // Being thrown out in the middle of a write is what these clients are for.
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.notify();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.isClosed = true;
        this.notify();
        resolve();
      });
    });
  }

  static async open(port: number): Promise<RawSocket> {
    const socket = connect({ host: '127.0.0.1', port });
    onTestFinished(() => void socket.destroy());
    const raw = new RawSocket(socket);
    await within(new Promise((resolve) => socket.once('connect', resolve)), 'a TCP connection');
    return raw;
  }

  /** After the handshake and the greeting. @param more further header lines */
  static async upgraded(port: number, user = 'mallory', more = ''): Promise<RawSocket> {
    const raw = await RawSocket.open(port);
    raw.write(await handshakeText(user, more));
    await raw.until(() => raw.text.includes('"connected"'), 'the greeting');
    return raw;
  }

  get text(): string {
    return this.received.toString('latin1');
  }

  /** Status of the first HTTP answer; 0 while there is none. */
  get status(): number {
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(this.text)?.[1] ?? 0);
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  send(parts: FrameParts): void {
    this.write(rawFrame(parts));
  }

  destroy(): void {
    this.socket.destroy();
  }

  stopReading(): void {
    this.socket.pause();
  }

  readOn(): void {
    this.socket.resume();
  }

  /** Resolves as soon as the condition holds; fails when the socket closes before. */
  async until(isDone: () => boolean, what: string, ms?: number): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.notify = () => {
        if (isDone()) resolve();
        else if (this.isClosed) reject(new Error(`closed before ${what}: ${this.text.slice(-200)}`));
      };
      this.notify();
    });
    await within(done, what, ms);
  }

  /** The server's answer to what was sent: an HTTP status, `closed` without one, or `pong` when it still answers. */
  async outcome(): Promise<number | 'closed'> {
    await within(
      Promise.race([this.closed, this.until(() => this.text.includes('\r\n\r\n'), 'an answer').catch(() => {})]),
      'an answer or the end',
    );
    return this.status === 0 ? 'closed' : this.status;
  }
}
