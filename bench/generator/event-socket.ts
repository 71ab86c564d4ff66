/** A reader of `GET /sse` that costs next to nothing per event: it looks for the lines of data, and skips everything else. */
import { connect, type Socket } from 'node:net';
import type { LeanSocketOptions } from '../../src/load/lean-socket.ts';

const shared = Buffer.allocUnsafeSlow(256 * 1024);
const LINE_FEED = 0x0a;
const D = 0x64;
/** `HTTP/1.1 2` */
const STATUS_AT = 9;
const TWO = 0x32;
/** `data: ` */
const FIELD = 6;

export class EventSocket {
  private readonly socket: Socket;
  private readonly options: LeanSocketOptions;
  /** The incomplete line at the end of the last read. */
  private rest: Buffer | null = null;
  private isOpen = false;

  private constructor(options: LeanSocketOptions, opened: () => void) {
    this.options = options;
    const { host, port, path } = options;
    const callback = (length: number, bytes: Uint8Array): boolean => {
      // Another answer than a stream ends it.
      if (!this.isOpen && bytes[STATUS_AT] !== TWO) this.socket.destroy();
      else this.read((bytes as Buffer).subarray(0, length));
      if (!this.isOpen) opened();
      this.isOpen = true;
      return true;
    };
    this.socket = connect({ host, port, noDelay: true, onread: { buffer: shared, callback } });
    this.socket.on('connect', () => this.socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`));
    this.socket.on('error', () => {});
    this.socket.on('close', () => options.onClose?.(1006));
  }

  /** Open when the first bytes have come. */
  static open(options: LeanSocketOptions): Promise<EventSocket> {
    return new Promise((resolve) => {
      const socket: EventSocket = new EventSocket(options, () => resolve(socket));
    });
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private read(bytes: Buffer): void {
    const chunk = this.rest === null ? bytes : Buffer.concat([this.rest, bytes]);
    let at = 0;
    for (let end = chunk.indexOf(LINE_FEED, at); end !== -1; end = chunk.indexOf(LINE_FEED, at)) {
      if (chunk[at] === D && end - at > FIELD) this.options.onMessage(chunk, at + FIELD, end, 1);
      at = end + 1;
    }
    this.rest = at < chunk.byteLength ? Buffer.from(chunk.subarray(at)) : null;
  }
}
