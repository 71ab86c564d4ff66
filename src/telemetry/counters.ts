/**
 * What a node counts, as plain numbers: a labelled counter of the metrics library costs 100 ns, an addition 1 ns. The
 * metrics room reads them when it is asked (metrics.ts).
 */

/** Counts by one label, whose values come from our own tables and never from a client. */
export class Tally {
  readonly counts = new Map<string, number>();

  add(key: string, count = 1): void {
    this.counts.set(key, (this.counts.get(key) ?? 0) + count);
  }

  get(key: string): number {
    return this.counts.get(key) ?? 0;
  }

  get total(): number {
    let sum = 0;
    for (const count of this.counts.values()) sum += count;
    return sum;
  }
}

/** Counts by wire format: formats have numbers here, and the names stand in the table of codecs. */
class FormatCounts {
  private readonly counts: number[] = [];

  add(format: number, count: number): void {
    this.counts[format] = (this.counts[format] ?? 0) + count;
  }

  get(format: number): number {
    return this.counts[format] ?? 0;
  }

  get total(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }
}

/**
 * Counts of frames by type and format. Not a {@link Tally} with joined keys: joining and hashing them anew for every
 * frame cost more than the rest of the counting.
 */
export class FrameTally {
  private readonly tallies: Tally[] = [];
  /** What came last, so often in a row: most frames are of the type of the frame before, and are not looked up. */
  private type = '';
  private format = 0;
  private repeated = 0;

  add(type: string, format: number): void {
    if (type !== this.type || format !== this.format) {
      this.settle();
      this.type = type;
      this.format = format;
    }
    this.repeated += 1;
  }

  of(format: number): Tally {
    this.settle();
    return this.tally(format);
  }

  get total(): number {
    return this.tallies.reduce((sum, tally) => sum + tally.total, this.repeated);
  }

  private tally(format: number): Tally {
    return (this.tallies[format] ??= new Tally());
  }

  private settle(): void {
    if (this.repeated > 0) this.tally(this.format).add(this.type, this.repeated);
    this.repeated = 0;
  }
}

/** A histogram with fixed upper bounds. */
export class Histogram {
  /** Upper bounds, ascending; everything above the last one counts towards +Inf only. */
  readonly bounds: readonly number[];
  /** Observations per bound (not cumulative), and beyond the last. */
  readonly counts: number[];
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    let at = 0;
    while (at < this.bounds.length && value > (this.bounds[at] as number)) at += 1;
    this.counts[at] = (this.counts[at] as number) + 1;
    this.sum += value;
    this.count += 1;
  }
}

/** Bounds for durations. */
export const SECONDS = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class Counters {
  /** Connections that were admitted and upgraded. */
  accepted = 0;
  /** Handshakes refused, by reason. */
  readonly refused = new Tally();
  /** Connections closed, by close code. */
  readonly closed = new Tally();
  readonly authenticationFailures = new Tally();
  /** By reason: callers with a good token or key whom an application does not let be served. */
  readonly callersRefused = new Tally();
  /** Tokens that were looked for among those verified before: `hit` or `miss`. */
  readonly tokenLookups = new Tally();

  /** Frames from clients; rejected ones count as type `invalid`. */
  readonly received = new FrameTally();
  receivedBytes = 0;
  /** Control frames to clients. */
  readonly controlSent = new FrameTally();
  readonly publicationsSent = new FormatCounts();
  sentBytes = 0;
  /** `Error` frames, by reason. */
  readonly errors = new Tally();
  readonly rateLimited = new Tally();

  published = 0;
  duplicates = 0;
  displaced = 0;
  deferred = 0;
  replayed = 0;
  /** `Gap` frames, by cause. */
  readonly gaps = new Tally();
  /** Publications that the books of ended subscriptions could not explain: a bug if not 0. */
  unaccounted = 0;
  /** Messages that the socket library dropped although our own bound is far below its: a bug if not 0. */
  nativeDropped = 0;

  /** HTTP requests answered, by `route class`. */
  readonly httpRequests = new Tally();
  readonly httpSeconds = new Tally();

  /** Changes of who is present, by `op reason`. */
  readonly presenceChanges = new Tally();
  /** Changes of presence that came too soon, and were made later with newer ones. */
  presenceCoalesced = 0;
  /** Entries that this node removed because their node was lost. */
  presenceReaped = 0;

  /** Failures after which an actor went on. */
  actorFailures = 0;
  actorsStopped = 0;

  /** What applications did wrong, by `application part`. */
  readonly appFailures = new Tally();
  readonly appDeadlines = new Tally();
  readonly appBlocking = new Tally();
  /** Events for hooks of applications that were dropped, by application. */
  readonly appHooksDropped = new Tally();

  /** Seconds from a handshake to its admission. */
  readonly handshake = new Histogram(SECONDS);
  /** Seconds from a publication's arrival at this node to its write to a socket. */
  readonly publishToWrite = new Histogram(SECONDS);
  /** Seconds from a ping to its pong. */
  readonly pingRoundTrip = new Histogram(SECONDS);
}
