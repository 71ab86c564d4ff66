/** When publishes are sent: at times fixed beforehand, or as answers and deliveries come in. */
import type { LoadPlan } from './plan.ts';
import type { SharedProgress } from './window.ts';

/** What a pacer needs of a publishing connection. */
export interface Publishing {
  readonly link: { readonly isOpen: boolean; cork(): void; uncork(): void };
  /** Sent and not answered yet. */
  readonly pending: number;
  /** @param stamp when it was meant to be sent, in µs */
  publish(topic: number, stamp: number): void;
}

export interface Pacer {
  /** @param from and `until`: µs of the run's clock */
  start(from: number, until: number): void;
  stop(): void;
  /** The metronome: look at the clock. */
  beat(): void;
  /** Deliveries have arrived. */
  wake(): void;
  /** A publisher has got an answer, or is open again. */
  answered(publisher: Publishing, retryAfterMs: number): void;
}

export interface PacerContext {
  readonly plan: LoadPlan;
  readonly thread: number;
  readonly publishers: readonly Publishing[];
  readonly clock: { now(): number };
  readonly tally: { readonly counts: { skipped: number }; sentLate(stamp: number, now: number): void };
  readonly progress: SharedProgress;
}

/** Seconds' worth of publishes that may be unanswered before no more are sent: nothing grows without bound. */
const MAX_BEHIND_SECONDS = 10;
const LEAST_BEHIND = 1_000;
/** How long a closed window waits for deliveries that may never come. */
const WINDOW_STALL_MS = 2_000;

export function createPacer(context: PacerContext): Pacer {
  const { kind } = context.plan.pace;
  if (context.publishers.length === 0 || kind === 'none') return NO_PACER;
  if (kind === 'rate') return new RatePacer(context);
  return kind === 'window' ? new WindowPacer(context) : new RoundTripPacer(context);
}

const NO_PACER: Pacer = { start() {}, stop() {}, beat() {}, wake() {}, answered() {} };

/**
 * Open loop. Publish number `n` is meant for `from + n / rate` whatever happened to those before it, and its stamp says
 * so: when the server or the generator stands still, the wait counts into the latency (no coordinated omission).
 */
class RatePacer implements Pacer {
  private readonly context: PacerContext;
  private readonly stepUs: number;
  private readonly threads: number;
  private readonly maxBehind: number;
  private next: number;
  private turn = 0;
  private from = Infinity;
  private until = 0;

  constructor(context: PacerContext) {
    const { plan, thread } = context;
    const perSecond = plan.pace.kind === 'rate' ? plan.pace.perSecond : 1;
    this.context = context;
    this.stepUs = 1e6 / perSecond;
    // Threads with a publisher share the numbers: thread t takes t, t + threads, …
    this.threads = Math.min(plan.threads, plan.publishers);
    this.next = thread;
    this.maxBehind = Math.max(LEAST_BEHIND, (perSecond * MAX_BEHIND_SECONDS) / this.threads);
  }

  start(from: number, until: number): void {
    this.from = from;
    this.until = until;
  }

  stop(): void {
    this.until = 0;
  }

  beat(): void {
    const { publishers, clock, tally, plan } = this.context;
    const now = Math.min(clock.now(), this.until);
    let pending = 0;
    for (const publisher of publishers) pending += publisher.pending;
    const corked = new Set<Publishing>();
    for (;;) {
      const due = Math.floor(this.from + this.next * this.stepUs);
      if (due >= now) break;
      const publisher = publishers[this.turn++ % publishers.length] as Publishing;
      if (publisher.link.isOpen && pending < this.maxBehind) {
        if (!corked.has(publisher)) publisher.link.cork();
        corked.add(publisher);
        publisher.publish(this.next % plan.topics, due);
        tally.sentLate(due, clock.now());
        pending += 1;
      } else tally.counts.skipped += 1;
      this.next += this.threads;
    }
    for (const publisher of corked) publisher.link.uncork();
  }

  wake(): void {}

  answered(): void {}
}

/** Closed loop over deliveries. All publishers are on one thread; deliveries are counted on all. */
class WindowPacer implements Pacer {
  private readonly context: PacerContext;
  private readonly inFlight: number;
  /** Deliveries that one publish causes. */
  private readonly perPublish: number;
  private mark = 0;
  private owed = 0;
  private sent = 0;
  private pausedUntil = 0;
  private isRunning = false;
  private stall: NodeJS.Timeout | null = null;

  constructor(context: PacerContext) {
    const { pace, subscribers } = context.plan;
    this.context = context;
    this.inFlight = pace.kind === 'window' ? pace.inFlight : 1;
    this.perPublish = subscribers;
  }

  start(from: number): void {
    const waitMs = Math.max(0, from - this.context.clock.now()) / 1_000;
    setTimeout(() => {
      this.isRunning = true;
      this.mark = this.context.progress.mark();
      this.pump();
    }, waitMs);
  }

  stop(): void {
    this.isRunning = false;
    if (this.stall !== null) clearTimeout(this.stall);
  }

  beat(): void {}

  wake(): void {
    this.pump();
  }

  answered(_publisher: Publishing, retryAfterMs: number): void {
    if (retryAfterMs === 0) return;
    // A refused publish will not be delivered.
    this.owed -= this.perPublish;
    this.pausedUntil = this.context.clock.now() + retryAfterMs * 1_000;
    // A timer may be early by a fraction of a millisecond.
    setTimeout(() => this.pump(), retryAfterMs + 1);
  }

  private pump(): void {
    const { publishers, clock, plan, progress } = this.context;
    if (!this.isRunning) return;
    const now = clock.now();
    for (const { link } of publishers) link.cork();
    for (;;) {
      this.settleAccounts();
      if (now < this.pausedUntil) break;
      const room = this.inFlight * this.perPublish - this.owed;
      if (room < this.perPublish) {
        progress.wakeAfter(this.perPublish - room);
        // Between the look and the request more may have come.
        if (progress.since(this.mark) < this.perPublish - room) break;
        continue;
      }
      const publisher = publishers[this.sent % publishers.length] as Publishing;
      if (!publisher.link.isOpen) break;
      publisher.publish(this.sent % plan.topics, clock.now());
      this.sent += 1;
      this.owed += this.perPublish;
    }
    for (const { link } of publishers) link.uncork();
    this.watch();
  }

  private settleAccounts(): void {
    const { progress } = this.context;
    const arrived = progress.since(this.mark);
    this.mark = (this.mark + arrived) | 0;
    this.owed = Math.max(0, this.owed - arrived);
  }

  /** Deliveries that never come (a connection broke) must not end the run: the checks say that they are missing. */
  private watch(): void {
    if (this.stall !== null) clearTimeout(this.stall);
    this.stall = setTimeout(() => {
      this.owed = 0;
      this.pump();
    }, WINDOW_STALL_MS);
  }
}

/** Closed loop over answers: each connection waits for its own. */
class RoundTripPacer implements Pacer {
  private readonly context: PacerContext;
  private readonly inFlight: number;
  private readonly topicOf = new Map<Publishing, number>();
  private isRunning = false;

  constructor(context: PacerContext) {
    const { plan, publishers, thread } = context;
    this.context = context;
    this.inFlight = plan.pace.kind === 'round-trips' ? plan.pace.inFlight : 1;
    for (const [at, publisher] of publishers.entries())
      this.topicOf.set(publisher, (at * plan.threads + thread) % plan.topics);
  }

  start(from: number): void {
    const { publishers, clock } = this.context;
    setTimeout(
      () => {
        this.isRunning = true;
        for (const publisher of publishers) this.fill(publisher);
      },
      Math.max(0, from - clock.now()) / 1_000,
    );
  }

  stop(): void {
    this.isRunning = false;
  }

  beat(): void {}

  wake(): void {}

  answered(publisher: Publishing, retryAfterMs: number): void {
    if (retryAfterMs === 0) this.fill(publisher);
    else setTimeout(() => this.fill(publisher), retryAfterMs);
  }

  private fill(publisher: Publishing): void {
    const topic = this.topicOf.get(publisher) as number;
    while (this.isRunning && publisher.link.isOpen && publisher.pending < this.inFlight)
      publisher.publish(topic, this.context.clock.now());
  }
}
