/** Streams of events whose node drains while messages flow: each goes on at another node, and counts what it missed. */
import { EventSocket } from './event-socket.ts';

export interface StreamsOptions {
  readonly token: string;
  readonly topic: string;
  readonly from: number;
  readonly to: number;
}

const PLACE = /"sequence":(\d+),"epoch":"([^"]+)"/;
const START = /"epoch":"([^"]+)","sequence":(\d+)/;
const AFTER = /"reconnect_after_ms":(\d+)/;

const AGAIN_MS = 100;

/** Goes to the other node when it is told to, at the latest when its stream ends. */
export class DrainedStream {
  /** The newest sequence. */
  last = -1;
  lost = 0;
  /** Heard again from the second node. */
  repeated = 0;
  longestSilenceMs = 0;
  hasMoved = false;
  private epoch = '';
  private heardMs = performance.now();
  private socket: EventSocket | null = null;
  /** So many so far; the newest one counts. */
  private connections = 0;
  private readonly options: StreamsOptions;

  constructor(options: StreamsOptions) {
    this.options = options;
  }

  async open(): Promise<void> {
    this.socket = await this.connect(this.options.from);
  }

  close(): void {
    this.connections += 1;
    this.socket?.destroy();
  }

  private connect(port: number): Promise<EventSocket> {
    const { token, topic } = this.options;
    this.connections += 1;
    const { connections } = this;
    const cursor = this.epoch === '' ? '' : `&cursor=${this.epoch}:${this.last}`;
    return EventSocket.open({
      host: '127.0.0.1',
      port,
      path: `/sse?topics=${topic}&token=${token}${cursor}`,
      onMessage: (bytes, start, end) => this.read(bytes.toString('latin1', start, end)),
      onClose: () => {
        if (connections === this.connections) this.broken();
      },
    });
  }

  /** Refused, or cut off by a server that was too busy: it comes back, as every client does. */
  private broken(): void {
    this.connections += 1;
    const number = this.connections;
    this.hasMoved = true;
    this.socket?.destroy();
    setTimeout(() => {
      if (number === this.connections) void this.connect(this.options.to).then((socket) => (this.socket = socket));
    }, AGAIN_MS).unref();
  }

  private read(text: string): void {
    if (text.startsWith('{"type":"Broadcast"')) return this.heard(PLACE.exec(text));
    if (text.startsWith('{"type":"Error"')) return void this.move();
    if (text.includes('"subscribed"') && this.last === -1) {
      const [, epoch = '', sequence] = START.exec(text) ?? [];
      // The topic was refused for now.
      if (sequence === undefined) return this.broken();
      this.epoch = epoch;
      this.last = Number(sequence);
      this.heardMs = performance.now();
    }
    const [, afterMs] = text.includes('"draining"') ? (AFTER.exec(text) ?? []) : [];
    if (afterMs !== undefined) setTimeout(() => void this.move(), Number(afterMs)).unref();
  }

  private heard(place: RegExpExecArray | null): void {
    const sequence = Number(place?.[1]);
    if (sequence <= this.last) {
      this.repeated += 1;
      return;
    }
    this.lost += sequence - this.last - 1;
    this.last = sequence;
    this.epoch = place?.[2] ?? '';
    const now = performance.now();
    this.longestSilenceMs = Math.max(this.longestSilenceMs, now - this.heardMs);
    this.heardMs = now;
  }

  /** The next stream first: what both of them bring is told apart by its sequence. */
  private async move(): Promise<void> {
    if (this.hasMoved) return;
    this.hasMoved = true;
    const old = this.socket;
    this.socket = await this.connect(this.options.to);
    old?.destroy();
  }
}
