/** One client's socket: the only place that holds a uWebSockets.js WebSocket, which throws when it is touched after its end. */
import type { WebSocket } from 'uWebSockets.js-compat';
import type { Transport, TransportListener } from '../connection/transport.ts';
import { CLOSE_CODES, type CloseReason } from '../protocol/close-codes.ts';
import type { Payload } from '../protocol/codec.ts';
import { addressOf } from './upgrade-head.ts';

/** What the library keeps with each WebSocket. */
export interface SocketData {
  readonly socket: Socket;
}

/** A close frame holds 125 bytes, two of them the code (RFC 6455 section 5.5). */
const MAX_CLOSE_TEXT = 123;

/** Smaller messages are sent as they are: deflate would cost more than it saves. */
const MIN_COMPRESSED = 1_024;

export class Socket implements Transport {
  listener: TransportListener | null = null;
  private ws: WebSocket<SocketData> | null = null;
  private readonly compresses: boolean;

  /** @param compresses whether permessage-deflate may be used, where the client agreed to it */
  constructor(compresses: boolean) {
    this.compresses = compresses;
  }

  get isOpen(): boolean {
    return this.ws !== null;
  }

  opened(ws: WebSocket<SocketData>): void {
    this.ws = ws;
  }

  closed(code: number, cut?: string): void {
    this.ws = null;
    this.listener?.closed(code, cut);
    this.listener = null;
  }

  send(payload: Payload, binary: boolean): void {
    this.ws?.send(payload, binary, this.compresses && payload.length >= MIN_COMPRESSED);
  }

  cork(work: () => void): void {
    this.ws?.cork(work);
  }

  address(): string {
    return this.ws === null ? '' : addressOf(this.ws);
  }

  buffered(): number {
    return this.ws?.getBufferedAmount() ?? 0;
  }

  ping(): void {
    this.ws?.ping();
  }

  close(reason: CloseReason, text: string): void {
    this.ws?.end(CLOSE_CODES[reason].code, closeText(text));
  }

  terminate(): void {
    this.ws?.close();
  }
}

/** Cut between two characters: a client fails on half of one. */
function closeText(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.byteLength <= MAX_CLOSE_TEXT) return text;
  let end = MAX_CLOSE_TEXT;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
