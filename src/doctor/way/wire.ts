/** A WebSocket over a line whose handshake is done: only as much as is needed to see what the way does with it. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const FIN = 0x80;
const MASKED = 0x80;

/** How a wire ended: by a close frame with its code, or by the line without one. */
export interface End {
  readonly code: number | null;
  readonly reason: string;
  /** Since the wire was opened. */
  readonly afterMs: number;
}

export type Message = Readonly<Record<string, unknown>>;

export class Wire {
  /** Pings of the server that came. */
  pings = 0;
  readonly ended: Promise<End>;
  /** The address of this side. */
  readonly localAddress: string;
  private rest: Buffer = Buffer.alloc(0);
  private readonly unread: Message[] = [];
  private waiting: { readonly fits: (message: Message) => boolean; readonly found: (message: Message) => void } | null =
    null;
  private finish: (end: End) => void = () => {};
  private readonly line: Socket;
  private readonly openedAt = performance.now();

  constructor(line: Socket, rest: Buffer) {
    this.line = line;
    this.localAddress = (line.localAddress ?? '').replace(/^::ffff:/, '');
    this.ended = new Promise((resolve) => {
      this.finish = resolve;
    });
    line.on('data', (chunk: Buffer) => this.took(chunk));
    line.once('close', () => this.end(null, ''));
    this.took(rest);
    line.resume();
  }

  send(message: object, atLeast = 0): void {
    this.write(TEXT, Buffer.from(JSON.stringify(message).padEnd(atLeast)));
  }

  /** The first message that fits, or `null` when none comes in time. */
  next(fits: (message: Message) => boolean, ms: number): Promise<Message | null> {
    const at = this.unread.findIndex(fits);
    if (at !== -1) return Promise.resolve(this.unread.splice(at, 1)[0] ?? null);
    return new Promise((resolve) => {
      const answer = (message: Message | null): void => {
        clearTimeout(timer);
        this.waiting = null;
        resolve(message);
      };
      const timer = setTimeout(() => answer(null), ms);
      this.waiting = { fits, found: answer };
      void this.ended.then(() => answer(null));
    });
  }

  close(): void {
    if (!this.line.destroyed) this.write(CLOSE, Buffer.from([0x03, 0xe8]));
    this.line.end();
    this.line.destroySoon();
  }

  private write(opcode: number, payload: Buffer): void {
    const mask = randomBytes(4);
    const head = Buffer.concat([Buffer.from([FIN | opcode]), lengthOf(payload.byteLength), mask]);
    const masked = Buffer.from(payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0)));
    this.line.write(Buffer.concat([head, masked]));
  }

  private took(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk]);
    for (let frame = frameIn(this.rest); frame !== null; frame = frameIn(this.rest)) {
      this.rest = this.rest.subarray(frame.size);
      this.handle(frame.opcode, frame.payload);
    }
  }

  private handle(opcode: number, payload: Buffer): void {
    if (opcode === CLOSE)
      this.end(payload.byteLength < 2 ? 1005 : payload.readUInt16BE(0), payload.toString('utf8', 2));
    else if (opcode === PING) {
      this.pings += 1;
      this.write(PONG, payload);
    } else if (opcode === TEXT) this.arrived(parsed(payload));
  }

  private arrived(message: Message): void {
    if (this.waiting?.fits(message) === true) this.waiting.found(message);
    else this.unread.push(message);
  }

  private end(code: number | null, reason: string): void {
    this.finish({ code, reason, afterMs: performance.now() - this.openedAt });
    this.line.destroySoon();
  }
}

function lengthOf(size: number): Buffer {
  if (size < 126) return Buffer.from([MASKED | size]);
  if (size < 65_536) return Buffer.from([MASKED | 126, size >> 8, size & 255]);
  const long = Buffer.alloc(9);
  long[0] = MASKED | 127;
  long.writeBigUInt64BE(BigInt(size), 1);
  return long;
}

function frameIn(bytes: Buffer): { readonly opcode: number; readonly payload: Buffer; readonly size: number } | null {
  if (bytes.byteLength < 2) return null;
  const short = (bytes[1] ?? 0) & 0x7f;
  const start = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.byteLength < start) return null;
  const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  if (bytes.byteLength < start + length) return null;
  return { opcode: (bytes[0] ?? 0) & 0x0f, payload: bytes.subarray(start, start + length), size: start + length };
}

function parsed(payload: Buffer): Message {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Message) : {};
  } catch {
    return {};
  }
}
