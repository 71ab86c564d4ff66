/**
 * A WebSocket client that costs next to nothing per frame, for generating load: it walks frame headers and hands out
 * where each message lies, without copying or decoding it. Thousands share one read buffer.
 */
import { randomBytes } from 'node:crypto';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';

/** A message as a range of the read buffer, valid only during the call. */
type OnMessage = (bytes: Buffer, start: number, end: number, opcode: number) => void;

export interface LeanSocketOptions {
  readonly host: string;
  readonly port: number;
  /** Path with query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the `Host` header says when it is not the address that is connected to; TLS checks this name. */
  readonly authority?: string;
  readonly tls?: boolean;
  readonly onMessage: OnMessage;
  /** Told before the messages of a chunk: one look at the clock for all of them. */
  readonly onChunk?: () => void;
  /** Told after the messages of a chunk. */
  readonly onChunkEnd?: () => void;
  /** Close code of the server, or 1006 when the socket broke. */
  readonly onClose?: (code: number) => void;
}

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** One buffer for all sockets: what a chunk leaves incomplete is copied out before the next one is read. */
const shared = Buffer.allocUnsafeSlow(256 * 1024);
const MASK = randomBytes(4);

export class LeanSocket {
  private readonly socket: Socket;
  private readonly options: LeanSocketOptions;
  /** The incomplete end of the last chunk. */
  private rest: Buffer | null = null;
  private isOpen = false;
  private closeCode = 1006;
  private opened: (() => void) | null = null;
  private refused: ((error: Error) => void) | null = null;

  private constructor(options: LeanSocketOptions, opened: () => void, refused: (error: Error) => void) {
    this.options = options;
    this.opened = opened;
    this.refused = refused;
    this.socket = this.connect();
    this.socket.on(options.tls === true ? 'secureConnect' : 'connect', () => this.socket.write(this.handshake()));
    this.socket.on('error', (error) => this.refused?.(error));
    this.socket.on('close', () => this.closed());
  }

  /** @throws when the handshake is refused, with the status line and body */
  static open(options: LeanSocketOptions): Promise<LeanSocket> {
    return new Promise((resolve, reject) => {
      const socket: LeanSocket = new LeanSocket(options, () => resolve(socket), reject);
    });
  }

  private connect(): Socket {
    const { host, port, tls, authority = host } = this.options;
    if (tls !== true) {
      const onread = {
        buffer: shared,
        callback: (length: number, buffer: Uint8Array) => this.read(buffer as Buffer, length),
      };
      return connect({ host, port, noDelay: true, onread });
    }
    const name = authority.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
    const socket = connectSecurely({ host, port, ...(isIP(name) === 0 && { servername: name }) });
    socket.setNoDelay(true);
    return socket.on('data', (chunk: Buffer) => this.read(chunk, chunk.byteLength));
  }

  /** Everything sent until {@link uncork} goes out as one write. */
  cork(): void {
    this.socket.cork();
  }

  uncork(): void {
    this.socket.uncork();
  }

  send(text: string): void {
    this.socket.write(frame(TEXT, Buffer.from(text)));
  }

  sendBinary(bytes: Uint8Array): void {
    this.socket.write(frame(BINARY, bytes));
  }

  /** Sends frames that the caller has put together, masks included. */
  write(frames: Uint8Array): void {
    this.socket.write(frames);
  }

  /** Stops reading, as a client does that hangs; the kernel's buffers fill up. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Drops the connection without a closing handshake, as a network does. */
  destroy(): void {
    this.socket.destroy();
  }

  private handshake(): string {
    const { host, port, path, authority = `${host}:${port}`, headers = {} } = this.options;
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: ${authority}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      'Sec-WebSocket-Version: 13',
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ];
    return `${lines.join('\r\n')}\r\n\r\n`;
  }

  private closed(): void {
    if (this.isOpen) this.options.onClose?.(this.closeCode);
    else this.refused?.(new Error('the server closed the connection during the handshake'));
  }

  private read(buffer: Buffer, length: number): boolean {
    if (this.rest === null && this.isOpen) {
      this.options.onChunk?.();
      const used = this.walk(buffer, length);
      if (used < length) this.rest = Buffer.from(buffer.subarray(used, length));
      this.options.onChunkEnd?.();
      return true;
    }
    const chunk =
      this.rest === null ? buffer.subarray(0, length) : Buffer.concat([this.rest, buffer.subarray(0, length)]);
    this.options.onChunk?.();
    const used = this.isOpen ? this.walk(chunk, chunk.byteLength) : this.readAnswer(chunk);
    this.rest = used < chunk.byteLength ? Buffer.from(chunk.subarray(used)) : null;
    this.options.onChunkEnd?.();
    return true;
  }

  private readAnswer(chunk: Buffer): number {
    const end = chunk.indexOf('\r\n\r\n');
    if (end === -1) return 0;
    const head = chunk.toString('latin1', 0, end);
    if (!head.startsWith('HTTP/1.1 101')) {
      this.refused?.(new Error(`${head.split('\r\n')[0] ?? ''} ${chunk.toString('utf8', end + 4)}`));
      this.refused = null;
      this.socket.destroy();
      return chunk.byteLength;
    }
    this.isOpen = true;
    this.refused = null;
    this.opened?.();
    const first = chunk.subarray(end + 4);
    return end + 4 + this.walk(first, first.byteLength);
  }

  /** Hands out every complete message. Returns how many bytes they took. */
  private walk(chunk: Buffer, size: number): number {
    const { onMessage } = this.options;
    let at = 0;
    while (at + 2 <= size) {
      let length = (chunk[at + 1] as number) & 0x7f;
      let start = at + 2;
      if (length === 126) {
        if (at + 4 > size) break;
        length = ((chunk[at + 2] as number) << 8) | (chunk[at + 3] as number);
        start = at + 4;
      } else if (length === 127) {
        if (at + 10 > size) break;
        length = Number(chunk.readBigUInt64BE(at + 2));
        start = at + 10;
      }
      const end = start + length;
      if (end > size) break;
      const opcode = (chunk[at] as number) & 0x0f;
      if (opcode <= BINARY) onMessage(chunk, start, end, opcode);
      else this.control(opcode, chunk, start, end);
      at = end;
    }
    return at;
  }

  private control(opcode: number, chunk: Buffer, start: number, end: number): void {
    if (opcode === PING) this.socket.write(frame(PONG, chunk.subarray(start, end)));
    if (opcode !== CLOSE) return;
    this.closeCode = end - start >= 2 ? chunk.readUInt16BE(start) : 1005;
    this.socket.end(frame(CLOSE, chunk.subarray(start, Math.min(end, start + 2))));
  }
}

/** A masked frame (RFC 6455 section 5.3). The mask need not be unpredictable here: nobody is in between. */
function frame(opcode: number, payload: Uint8Array): Buffer {
  const length = payload.byteLength;
  const extra = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const bytes = Buffer.allocUnsafe(2 + extra + 4 + length);
  bytes[0] = 0x80 | opcode;
  if (extra === 0) bytes[1] = 0x80 | length;
  else if (extra === 2) {
    bytes[1] = 0x80 | 126;
    bytes.writeUInt16BE(length, 2);
  } else {
    bytes[1] = 0x80 | 127;
    bytes.writeBigUInt64BE(BigInt(length), 2);
  }
  const start = 2 + extra + 4;
  MASK.copy(bytes, 2 + extra);
  for (let index = 0; index < length; index += 1)
    bytes[start + index] = (payload[index] as number) ^ (MASK[index & 3] as number);
  return bytes;
}
