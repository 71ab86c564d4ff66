/** A connection's transport to a client that reads a stream of server-sent events. */
import type { Connection } from '../connection/connection.ts';
import { findSubscription } from '../connection/subscriptions.ts';
import type { Transport } from '../connection/transport.ts';
import { Feed, type FeedSink } from '../node/route.ts';
import { CLOSE_CODES, type CloseReason } from '../protocol/close-codes.ts';
import type { Payload } from '../protocol/codec.ts';
import type { Position } from '../protocol/position.ts';
import { ENDED, JOINING, type Subscription } from '../router/subscription.ts';
import { nodeName } from '../service/names.ts';
import type { Random } from '../telemetry/clock.ts';
import type { Accepted } from '../node/admission.ts';
import { cursorOf } from './cursor.ts';
import { EventText, typeOf } from './event-text.ts';
import { FIRST_FRAME, type Plan } from './wishes.ts';

/** The client waits for so long before it opens the next stream: a time of its own, as browsers draw none. */
const RETRY_MS = { from: 1_000, to: 5_000 };
/** After an end that was spread over time already. */
const SOON_MS = { from: 0, to: 500 };
const SOON: ReadonlySet<CloseReason> = new Set<CloseReason>(['draining', 'rotated']);
const COMMENT = Buffer.from(':\n\n');
const PADDING = `:${' '.repeat(2_048)}\n`;
const ANSWER = `"reply_to":"${FIRST_FRAME}"`;

const encoder = new TextEncoder();
/** One for all streams, so that those who hear the same are sent the same bytes. */
const text = new EventText();
/** The list of the write before, to be filled again. */
let spare: Payload[] | null = [];

interface Start {
  readonly admission: Accepted;
  readonly plan: Plan;
  /** Frames by which the client enters topics, once it is subscribed. */
  readonly presences: readonly string[];
  readonly isPadded: boolean;
  readonly random: Random;
}

export class EventStream extends Feed implements Transport {
  private readonly digest: string;
  /** What it begins with; let go of then, because it holds the whole request. */
  private start: Start | null;
  private names: readonly string[] = [];
  private connection: Connection | null = null;
  private sink: FeedSink | null = null;
  /** In the order of the cursor, once they are subscribed to. */
  private subscriptions: readonly (Subscription | undefined)[] | null = null;
  /** Bytes that the network has not taken, as far as that is known. */
  private held = 0;
  /** What is written together, while something is. */
  private frames: Payload[] | null = null;
  /** News is being written: then the last event says where the client stands. */
  private hasNews = false;

  constructor(start: Start) {
    super();
    this.start = start;
    this.digest = start.plan.digest;
  }

  // From the answer

  opened(sink: FeedSink): void {
    const { start } = this;
    if (start === null) return;
    const { admission, plan, presences, isPadded, random } = start;
    this.start = null;
    this.sink = sink;
    this.names = plan.names;
    sink.write(Buffer.from(`retry: ${draw(random, RETRY_MS)}\n${isPadded ? PADDING : ''}\n`));
    const connection = admission.open(this, null);
    this.connection = connection;
    connection.cell.tell(plan.frame, 0);
    for (const frame of presences) connection.received(encoder.encode(frame).buffer, false);
  }

  /** The library sends what it holds with the next write only. */
  writable(): void {
    const { sink, connection } = this;
    if (sink === null || connection === null) return;
    const wasHeld = this.held > 0;
    if (sink.write(COMMENT)) this.held = 0;
    // It has taken something, or there had been no room.
    else this.held = Math.max(1, this.held - 1);
    if (wasHeld) connection.drained();
  }

  closed(): void {
    const { start } = this;
    this.sink = null;
    this.start = null;
    if (start === null) this.over(1006);
    else start.admission.abandon();
  }

  // From the connection

  send(payload: Payload): void {
    const isAlone = this.frames === null;
    if (isAlone) this.begin();
    this.frames?.push(payload);
    if (typeof payload !== 'string') this.hasNews = true;
    else if (this.subscriptions === null || typeOf(payload) === 'Gap') this.control(payload);
    if (isAlone) this.flush();
  }

  cork(work: () => void): void {
    this.begin();
    try {
      work();
    } finally {
      this.flush();
    }
  }

  buffered(): number {
    return this.held;
  }

  ping(): void {
    this.write(COMMENT);
  }

  close(reason: CloseReason, message: string): void {
    const { sink, connection } = this;
    if (sink === null || connection === null) return;
    const { code } = CLOSE_CODES[reason];
    const temporary = code >= 4_100;
    const isSoon = SOON.has(reason);
    if (isSoon) this.write(Buffer.from(`retry: ${draw(connection.context.random, SOON_MS)}\n\n`));
    this.send(JSON.stringify({ type: 'Error', data: { code, reason, message, temporary } }));
    this.sink = null;
    sink.end();
    this.over(code);
  }

  terminate(): void {
    this.sink?.close();
  }

  private begin(): void {
    this.frames = spare ?? [];
    spare = null;
    this.hasNews = false;
  }

  private control(frame: string): void {
    if (typeOf(frame) === 'Gap') this.hasNews = true;
    if (this.subscriptions !== null || !frame.includes(ANSWER)) return;
    if (typeOf(frame) === 'Error') return this.connection?.cell.answer(() => this.refused(), null);
    this.subscribed();
    this.hasNews = true;
  }

  /** Without its topics there is nothing to wait for. */
  private refused(): void {
    this.connection?.close('disconnected', 'the topics could not be subscribed to: come back later');
  }

  private subscribed(): void {
    const { connection } = this;
    if (connection === null) return;
    this.subscriptions = this.names.map((name) => findSubscription(connection, nodeName(connection.principal, name)));
    this.names = [];
  }

  private flush(): void {
    const { frames } = this;
    this.frames = null;
    if (frames === null) return;
    if (frames.length > 0) this.write(text.of(frames, this.hasNews ? this.cursor() : null));
    frames.length = 0;
    spare = frames;
  }

  private write(bytes: Uint8Array): void {
    const { sink } = this;
    if (sink === null) return;
    if (sink.write(bytes)) this.held = 0;
    else this.held += bytes.length;
  }

  /** Where the client stands after what is being written; `null` while a loss is still to be announced: it must not be skipped. */
  private cursor(): string | null {
    const positions: (Position | null)[] = [];
    for (const subscription of this.subscriptions ?? []) {
      if (subscription !== undefined && (subscription.gap !== null || subscription.state === JOINING)) return null;
      positions.push(positionOf(subscription));
    }
    return positions.length === 0 ? null : cursorOf(this.digest, positions);
  }

  private over(code: number): void {
    const { connection } = this;
    this.connection = null;
    this.subscriptions = null;
    connection?.closed(code);
  }
}

function draw(random: Random, { from, to }: { readonly from: number; readonly to: number }): number {
  return Math.round(from + random.fraction() * (to - from));
}

function positionOf(subscription: Subscription | undefined): Position | null {
  if (subscription === undefined || subscription.state === ENDED || subscription.topic.isEphemeral) return null;
  return { epoch: subscription.topic.epoch, sequence: subscription.written };
}
