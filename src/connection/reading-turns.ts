/**
 * How much of a turn of the event loop the messages of clients may take. The socket library hands over all that the kernel has
 * of a socket (512 KiB at a time) and cannot be told to wait, so what is beyond a sender's slice is kept, in order, and
 * read in later turns, each sender in its turn. So a burst that somebody has tokens for costs the others a slice and not
 * the burst. Messages that nobody has tokens for never get here (charges.ts).
 */
import { BoundedQueue } from '../actor/bounded-queue.ts';
import { textOf, type Message } from '../protocol/codec.ts';
import type { Clock, Scheduler } from '../telemetry/clock.ts';
import { paidForReading } from './charges.ts';
import type { Connection } from './connection.ts';
import type { TurnGuard } from './turn-guard.ts';

/** What one sender may take of a turn, in ms, and what all large messages of a turn may take together. */
const SLICE_MS = 1;
/** What those that waited may take of a turn, in ms. */
const WAITING_SLICE_MS = 2;
/** A look at the clock comes after so many small messages, or after so many bytes: a sender with few has none. */
const STRIDE = 8;
const BYTES_PER_STEP = 512;
/** Each of these may take as long as a slice. */
const LARGE_BYTES = 4_096;
/** What a message takes in memory beside its bytes. */
const OVERHEAD_BYTES = 200;
/** What may wait of one sender. */
const MAX_MESSAGES = 4_096;
const MAX_LARGEST_MESSAGES = 32;
/**
 * A sender is alone when nobody else has sent anything for so many beats. Nobody waits for its burst then but those who listen, and
 * they get the publications of a burst in fewer writes when it is read in one piece (W2 with 6,400 in flight: slices
 * leave 0.6 of the deliveries).
 */
const ALONE_BEATS = 2;
/** What may wait on a node. */
const MAX_BYTES = 64 * 1_024 * 1_024;

interface Unread {
  readonly message: Message;
  readonly binary: boolean;
  readonly size: number;
  /** Tokens that were paid for reading it. */
  readonly reading: number;
}

interface Waiting {
  readonly queue: BoundedQueue<Unread>;
  /** Code with which the socket closed behind the last message; `null` while it is open. */
  code: number | null;
}

export class ReadingTurns {
  /** By sender, in the order of their turns. */
  private readonly waiting = new Map<Connection, Waiting>();
  /** Whom {@link of} was asked for last, and what it found. */
  private found: Connection | null = null;
  private foundWaiting: Waiting | null = null;
  private bytes = 0;
  private isArmed = false;
  private turn = -1;
  /** The number of the connection that sent last of all, and the beat in which that was last somebody else. */
  private newest = 0;
  private sharedBeat = -ALONE_BEATS;
  private sender: Connection | null = null;
  private steps = 0;
  /** When the slice of the sender ends, by the monotonic clock, in ms; 0 before the first look. */
  private sliceEnd = 0;
  private largeMs = 0;
  private readonly guard: TurnGuard;
  private readonly clock: Clock;
  private readonly scheduler: Scheduler;

  constructor(guard: TurnGuard, clock: Clock, scheduler: Scheduler) {
    this.guard = guard;
    this.clock = clock;
    this.scheduler = scheduler;
  }

  /** Whether this sender has slices at all. Bodies of requests have bounds of their own. */
  static bounds({ over, context: { limits } }: Connection): boolean {
    return limits.limitRates && over === 'websocket';
  }

  /** Messages of a sender that wait to be read. */
  countOf(connection: Connection): number {
    return this.of(connection)?.queue.length ?? 0;
  }

  /** Reads a message, now or when its turn comes. */
  take(connection: Connection, bytes: ArrayBuffer, binary: boolean): void {
    const size = bytes.byteLength;
    if (this.mustWait(connection, size)) return this.keep(connection, bytes, binary);
    if (size < LARGE_BYTES) return connection.read(bytes, binary, size);
    const started = this.clock.elapsed();
    connection.read(bytes, binary, size);
    this.largeMs += this.clock.elapsed() - started;
  }

  /** The socket is gone. @returns whether messages wait that came before: the connection is told again after the last one */
  endsLater(connection: Connection, code: number): boolean {
    const waiting = this.waiting.get(connection);
    if (waiting === undefined) return false;
    waiting.code = code;
    return true;
  }

  /** Drops what waits. @returns the code with which the socket has closed already, else `null` */
  forget(connection: Connection): number | null {
    const waiting = this.waiting.get(connection);
    if (waiting === undefined) return null;
    this.remove(connection);
    this.bytes -= waiting.queue.bytes;
    return waiting.code;
  }

  private of(connection: Connection): Waiting | null {
    if (this.waiting.size === 0) return null;
    if (this.found !== connection) {
      this.found = connection;
      this.foundWaiting = this.waiting.get(connection) ?? null;
    }
    return this.foundWaiting;
  }

  private remove(connection: Connection): void {
    this.waiting.delete(connection);
    this.found = null;
    this.foundWaiting = null;
  }

  private mustWait(connection: Connection, size: number): boolean {
    if (this.guard.turn !== this.turn) this.newTurn();
    if (this.newest !== connection.number) this.noteAnother(connection);
    if (this.of(connection) !== null) return true;
    if (connection.context.node.beat - this.sharedBeat >= ALONE_BEATS) return false;
    if (size >= LARGE_BYTES && this.largeMs >= SLICE_MS) return true;
    if (this.sender !== connection) this.begin(connection);
    this.steps += 1 + Math.floor(size / BYTES_PER_STEP);
    if (this.steps <= STRIDE) return false;
    this.steps = 0;
    const now = this.clock.elapsed();
    if (this.sliceEnd === 0) this.sliceEnd = now + SLICE_MS;
    return now >= this.sliceEnd;
  }

  private noteAnother(connection: Connection): void {
    if (this.newest !== 0) this.sharedBeat = connection.context.node.beat;
    this.newest = connection.number;
  }

  private newTurn(): void {
    this.turn = this.guard.turn;
    this.sender = null;
    this.largeMs = 0;
  }

  private begin(connection: Connection): void {
    this.sender = connection;
    this.steps = 0;
    this.sliceEnd = 0;
  }

  private keep(connection: Connection, bytes: ArrayBuffer, binary: boolean): void {
    const size = bytes.byteLength + OVERHEAD_BYTES;
    const { queue } = this.of(connection) ?? this.startWaiting(connection);
    // Full: nothing is lost, and the turn takes as long as it would without this file.
    while (queue.length > 0 && this.isFull(connection, queue, size)) this.readNext(connection, queue);
    if (!connection.isOpen) return;
    if (this.bytes + size > MAX_BYTES) {
      this.remove(connection);
      return connection.read(bytes, binary, bytes.byteLength);
    }
    // The memory is the library's: text is read as such now, which is no more than copying it.
    const message = binary ? bytes.slice(0) : textOf(bytes);
    queue.put({ message, binary, size: bytes.byteLength, reading: connection.conduct?.reading ?? 0 }, size);
    this.bytes += size;
    this.arm();
  }

  private isFull({ context }: Connection, { length, bytes }: BoundedQueue<Unread>, size: number): boolean {
    const isMuch = bytes + size > MAX_LARGEST_MESSAGES * context.limits.maxMessageSize;
    return length >= MAX_MESSAGES || isMuch || this.bytes + size > MAX_BYTES;
  }

  private startWaiting(connection: Connection): Waiting {
    const waiting = { queue: new BoundedQueue<Unread>({ capacity: MAX_MESSAGES, bytes: MAX_BYTES }), code: null };
    this.waiting.set(connection, waiting);
    this.found = null;
    return waiting;
  }

  private arm(): void {
    if (this.isArmed) return;
    this.isArmed = true;
    this.scheduler.endOfTurn(this.run);
  }

  private readonly run = (): void => {
    this.isArmed = false;
    const deadline = this.clock.elapsed() + WAITING_SLICE_MS;
    // Those with more are set anew and stand at the end, so this goes round and round.
    for (const [connection, waiting] of this.waiting) {
      this.readCorked(connection, waiting.queue);
      if (connection.isOpen) this.setAnew(connection, waiting);
      if (this.clock.elapsed() >= deadline) break;
    }
    if (this.waiting.size > 0) this.arm();
  };

  private setAnew(connection: Connection, waiting: Waiting): void {
    this.remove(connection);
    if (waiting.queue.length > 0) {
      this.waiting.set(connection, waiting);
      this.found = null;
    } else if (waiting.code !== null) connection.closed(waiting.code);
  }

  /** The answers to some messages leave in one write, as they do when messages are read at once. */
  private readCorked(connection: Connection, queue: BoundedQueue<Unread>): void {
    const { transport } = connection;
    if (transport === null) this.readSome(connection, queue);
    else transport.cork(() => this.readSome(connection, queue));
  }

  private readSome(connection: Connection, queue: BoundedQueue<Unread>): void {
    let steps = 0;
    while (steps < STRIDE && connection.isOpen && queue.length > 0)
      steps += 1 + Math.floor(this.readNext(connection, queue) / BYTES_PER_STEP);
  }

  /** @returns bytes of what was read */
  private readNext(connection: Connection, queue: BoundedQueue<Unread>): number {
    const before = queue.bytes;
    const unread = queue.take();
    if (unread === undefined) return 0;
    this.bytes -= before - queue.bytes;
    paidForReading(connection, unread.reading);
    connection.read(unread.message, unread.binary, unread.size);
    return unread.size;
  }
}
