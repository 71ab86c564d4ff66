/** The port to a client's socket. The connection owns the port; `transport/` and the simulator implement it. */
import type { Payload } from '../protocol/codec.ts';
import type { CloseReason } from '../protocol/close-codes.ts';

/** What a transport gathers inside one {@link Transport.cork} before it has to write (uWebSockets `LoopData::CORK_BUFFER_SIZE`). */
export const CORK_BYTES = 16 * 1024;

/**
 * What clients come over. A WebSocket, Socket.IO and the WebSocket of an application's dialect go both ways. The others only listen:
 * a stream of events, one answer that waits for news, and the answers to some frames.
 */
export const TRANSPORTS = ['websocket', 'sse', 'poll', 'frames', 'socketio', 'dialect'] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** Whether a client stays for longer than one answer. */
export function isLasting(over: TransportName): boolean {
  return over !== 'poll' && over !== 'frames';
}

/** Whether it is a WebSocket, whose pings are answered. */
export function answersPings(over: TransportName): boolean {
  return over === 'websocket' || over === 'dialect';
}

export interface Transport {
  /** Hands one message to the socket. The socket buffers what the network does not take at once. */
  send(payload: Payload, binary: boolean): void;
  /** Runs the work with all its sends packed together. Inside it {@link buffered} says nothing yet. */
  cork(work: () => void): void;
  /** The client's address, of transports that know it. */
  address?(): string;
  /** Bytes handed over that the network has not taken. */
  buffered(): number;
  ping(): void;
  /** Sends a close frame after what is buffered. */
  close(reason: CloseReason, text: string): void;
  /** Cuts the connection without a word. */
  terminate(): void;
}

export interface TransportListener {
  /** A message came. `bytes` are only valid during the call. */
  received(bytes: ArrayBuffer, binary: boolean): void;
  /** A message came that is too large to be read. `bytes` are only valid during the call. */
  oversized(bytes: ArrayBuffer, binary: boolean): void;
  /** A ping of so many bytes came; the transport answers it by itself. */
  pinged(size: number): void;
  ponged(): void;
  /** The network has taken some of what was buffered. */
  drained(): void;
  /**
   * The socket is gone; nothing of the transport may be used any more.
   * @param cut why the transport itself ended it, for what the client sent
   */
  closed(code: number, cut?: string): void;
}
