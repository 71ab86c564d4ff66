/** A WebSocket whose other end is the test server, and a network in between that can be cut. */
import type { ServerFrame } from '../../protocol/wire.ts';
import type { SocketPort } from '../environment.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** As the server reads it. */
export interface ReceivedFrame {
  readonly type: string;
  readonly id?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface SocketEvents {
  opened(socket: TestSocket): void;
  read(socket: TestSocket, frame: ReceivedFrame): void;
  closed(socket: TestSocket): void;
}

export class TestSocket implements SocketPort {
  binaryType = 'blob';
  onopen: (() => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly url: string;
  readonly token: string | undefined;
  /** Nothing goes either way, and nobody is told. */
  isFrozen = false;
  isClosed = false;
  private readonly clock: VirtualClock;
  private readonly latencyMs: number;
  private readonly events: SocketEvents;

  constructor(url: string, protocols: readonly string[], clock: VirtualClock, latencyMs: number, events: SocketEvents) {
    if (!/^wss?:\/\//.test(url)) throw new SyntaxError(`${url} is no URL of a WebSocket`);
    this.url = url;
    this.token = protocols.find((entry) => entry.startsWith('access_token.'))?.slice('access_token.'.length);
    this.clock = clock;
    this.latencyMs = latencyMs;
    this.events = events;
    this.later(() => {
      this.onopen?.();
      events.opened(this);
    });
  }

  send(data: string | Uint8Array): void {
    const frame = JSON.parse(String(data)) as ReceivedFrame;
    this.later(() => this.events.read(this, frame));
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    // The server learns of it, unless the network is gone.
    if (!this.isFrozen) this.events.closed(this);
  }

  /** From the server. */
  deliver(frame: ServerFrame | readonly ServerFrame[]): void {
    const data = JSON.stringify(frame);
    this.later(() => this.onmessage?.({ data }));
  }

  /** By the server, or by the network at once. */
  end(code: number, isAtOnce = false): void {
    const close = (): void => {
      this.isClosed = true;
      this.events.closed(this);
      this.onclose?.({ code, reason: '' });
    };
    if (isAtOnce) close();
    else this.later(close);
  }

  private later(work: () => void): void {
    this.clock.after(this.latencyMs, () => {
      if (!this.isFrozen && !this.isClosed) work();
    });
  }
}
