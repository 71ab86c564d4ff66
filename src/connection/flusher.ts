/**
 * The end of a turn: what was published is counted into mailboxes, then every connection with news is written once,
 * corked. A connection that has more than one write takes has the next one after the next routing: the rest alone would be a small
 * write, and with what has come meanwhile it is a full one (9 % in W1). The work is sliced by time, because 15,000
 * subscribers of one topic would otherwise block the loop for 200 ms; what is published meanwhile joins the batch. Pages
 * of the log come after the live ones and are paced, so that those who catch up never cost the others their latency.
 */
import type { FlushRequests } from '../router/interest.ts';
import type { RoutedTopic } from '../router/routed-topic.ts';
import type { Router } from '../router/router.ts';
import type { Clock, Scheduler } from '../telemetry/clock.ts';
import type { Backlog } from './backlog.ts';
import { readOn } from './catch-up.ts';
import type { Connection } from './connection.ts';
import { writeOut } from './outbox.ts';
import { enforceBounds } from './overflow.ts';
import { TurnList } from './turn-list.ts';

/**
 * Pages of logs may take so much of the time that live deliveries took in the same turn: a fixed slice made each turn of
 * a node with few messages five times as long (W5), and a single page starves readers beside a large fan-out.
 */
const READ_SHARE = 0.5;
/**
 * So long without a live delivery, in ms, and those who read logs have whole slices. Counted by the turn, a slice came
 * between any two messages of a topic with 2,000 a second, and cost its subscribers up to 2.5 ms each time (W5).
 */
const QUIET_MS = 20;

export interface FlusherOptions {
  /** Length of a slice of live deliveries, in ms. */
  readonly sliceMs: number;
  /** Length of a slice of pages from logs, in ms; while others are served, at most half as long as they took, or one page a turn. */
  readonly readSliceMs: number;
  /** Connections flushed between two looks at the clock. */
  readonly stride: number;
  /** Publications are written out so seldom, in ms, that others of their topic join them; 0 writes them at the end of the turn. */
  readonly coalesceMs: number;
}

export class Flusher implements FlushRequests {
  /** The monotonic clock at the start of the slice, in ms: near enough for what is measured per connection. */
  sliceStart = 0;
  /** Connections that have a turn before any has a second one. */
  private round = new TurnList();
  /** Connections that have one in the next round. */
  private ready = new TurnList();
  private readers: Connection[] = [];
  private isArmed = false;
  /** Whose first message of a turn is handled right now: what it is sent meanwhile leaves in one write. */
  corked: Connection | null = null;
  /** Publications wait: what else is written meanwhile leaves them where they are. */
  isCoalescing = false;
  /** When the round under way, or the last one, began with publications, by the monotonic clock, in ms. */
  private routedAt = -Infinity;
  /** When the last slice with news for live subscribers began, by the monotonic clock, in ms. */
  private servedAt = -Infinity;
  /** The last slice ended before everybody had a turn: what is published meanwhile waits in any case, and may join in. */
  private isBehind = false;
  private isRunning = false;
  private more = false;
  private writing: Connection | null = null;
  private readonly write = (): void => {
    if (this.writing !== null) this.more = writeOut(this.writing);
  };
  private readonly endTurn = (): void => this.run();
  private router: Router | null = null;
  private backlog: Backlog | null = null;
  private readonly options: FlusherOptions;
  private readonly clock: Clock;
  private readonly scheduler: Scheduler;

  constructor(options: FlusherOptions, clock: Clock, scheduler: Scheduler) {
    this.options = options;
    this.clock = clock;
    this.scheduler = scheduler;
  }

  /** Router and flusher need each other; the wiring introduces them. */
  serve(router: Router, backlog: Backlog): void {
    this.router = router;
    this.backlog = backlog;
  }

  /** Connections that wait for their turn. */
  get pending(): number {
    return this.round.length + this.ready.length + this.readers.length;
  }

  add(connection: Connection): void {
    this.ready.push(connection);
    this.arm();
  }

  addReader(connection: Connection): void {
    this.readers.push(connection);
    this.arm();
  }

  /**
   * Publications are to be routed: at the end of the turn, or with others, some time after those before them. Counted from
   * the first that waits, a node that is busy for longer than that would wait in vain, and a lone message always.
   */
  atEndOfTurn(): void {
    const { coalesceMs } = this.options;
    const wait = coalesceMs === 0 || this.isBehind ? 0 : this.routedAt + coalesceMs - this.clock.elapsed();
    if (wait <= 0) return this.arm();
    if (this.isCoalescing) return;
    this.isCoalescing = true;
    this.scheduler.after(Math.ceil(wait), () => {
      this.isCoalescing = false;
      this.run();
    });
  }

  /** A tail is about to lose what waits in it: whole queues go out, as far as a slice reaches, and not one write each. */
  atOnce(): void {
    this.run(true);
  }

  /** Writes what waits for one connection, as far as its socket takes it. */
  flush(connection: Connection): void {
    const { transport } = connection;
    if (transport === null || connection.isBlocked) return;
    // Should there be something left from a reply, then one message joins it, and the look afterwards finds both.
    if (isSingle(connection)) this.more = writeOut(connection);
    else if (transport.buffered() > 0) return connection.setBlocked(true);
    else {
      this.writing = connection;
      this.more = false;
      transport.cork(this.write);
      this.writing = null;
    }
    if (connection.transport === null) return;
    if (transport.buffered() > 0) {
      connection.setBlocked(true);
      enforceBounds(connection);
    } else if (this.more) connection.schedule();
    else if (connection.lagging !== null || connection.missed !== null) connection.scheduleRead();
  }

  /** Writes what the connection that is {@link corked} has just published to a topic that it follows. */
  writeCorked(connection: Connection, topic: RoutedTopic): void {
    if (topic.activeAt > this.sliceStart) this.sliceStart = topic.activeAt;
    // As if it was listed for a turn already: this is its turn.
    const wasScheduled = connection.isScheduled;
    connection.isScheduled = true;
    try {
      this.router?.routeNow(topic);
      writeOut(connection);
    } finally {
      connection.isScheduled = wasScheduled;
    }
    if (connection.firstWaiting !== null) connection.schedule();
  }

  /** Writes all that waits for one connection before the turn ends, as far as its socket takes it. */
  serveOut(connection: Connection): void {
    const waits = connection.firstWaiting !== null || connection.control !== null;
    if (!waits || connection.isBlocked || this.writing !== null) return;
    this.sliceStart = this.clock.elapsed();
    try {
      do this.flush(connection);
      while (this.more && connection.transport !== null && !connection.isBlocked);
    } catch (error) {
      // The server goes on with what it is about to do.
      this.writing = null;
      connection.faulted(error);
    }
    // The frames that were prepared are forgotten at the end of a round.
    this.arm();
  }

  private arm(): void {
    if (this.isArmed) return;
    this.isArmed = true;
    this.scheduler.endOfTurn(this.endTurn);
  }

  private run(isPressed = false): void {
    if (this.isRunning) return;
    this.isRunning = true;
    this.isArmed = false;
    this.sliceStart = this.clock.elapsed();
    const isRouting = this.isBehind || !this.isCoalescing;
    const isRouted = isRouting && this.router?.routeDirty() === true;
    if (isRouted && !this.isBehind) this.routedAt = this.sliceStart;
    if (isRouted || this.isBehind) this.servedAt = this.sliceStart;
    const deadline = this.sliceStart + this.options.sliceMs;
    this.flushReady(deadline);
    if (isPressed) while (this.ready.length > 0 && this.clock.elapsed() < deadline) this.flushReady(deadline);
    this.isBehind = this.round.length > 0;
    this.serveReaders();
    this.backlog?.relieve();
    this.isRunning = false;
    if (this.pending > 0) this.arm();
    else this.router?.forgetPrepared();
  }

  /** One write for everybody who waited when the round began. */
  private flushReady(deadline: number): void {
    if (this.round.length === 0) [this.round, this.ready] = [this.ready, this.round];
    let turns = 0;
    for (let connection = this.round.take(); connection !== null; connection = this.round.take()) {
      connection.isScheduled = false;
      try {
        this.flush(connection);
      } catch (error) {
        connection.faulted(error);
        // Messages behind the failure go on; failure after failure ends the connection.
        if (connection.queuedCount > 0) connection.schedule();
      }
      turns += 1;
      if (turns % this.options.stride === 0 && this.clock.elapsed() >= deadline) return;
    }
  }

  private serveReaders(): void {
    if (this.readers.length === 0) return;
    const now = this.clock.elapsed();
    const { readSliceMs } = this.options;
    const isQuiet = this.sliceStart - this.servedAt >= QUIET_MS;
    const deadline = now + (isQuiet ? readSliceMs : Math.min(readSliceMs, (now - this.sliceStart) * READ_SHARE));
    const round = this.readers;
    this.readers = [];
    for (const [at, connection] of round.entries()) {
      connection.isScheduledToRead = false;
      try {
        readOn(connection);
      } catch (error) {
        connection.faulted(error);
      }
      if (this.clock.elapsed() < deadline) continue;
      this.readers = [...round.slice(at + 1), ...this.readers];
      return;
    }
  }
}

/** Whether exactly one message waits: it needs no cork, which costs two calls into the library and one out of it. */
function isSingle({ control, firstWaiting: only, lastWaiting }: Connection): boolean {
  return control === null && only !== null && only === lastWaiting && only.queued === 1 && only.gap === null;
}
