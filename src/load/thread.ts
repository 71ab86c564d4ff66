/** A thread of a run: its share of the connections, driven by the orders of the main thread. */
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { JsonFrames } from './json-frames.ts';
import { MsgpackFrames } from './msgpack-frames.ts';
import { createPacer, type Pacer } from './pacing.ts';
import { openingMs, topicsOf, type LoadPlan } from './plan.ts';
import { Publisher, type PublisherContext } from './publisher.ts';
import { RunClock } from './run-clock.ts';
import { SequenceCheck } from './sequence-check.ts';
import { scheduleIncidents, type Incidents } from './storms.ts';
import { Subscriber, type SubscriberContext } from './subscriber.ts';
import type { Order, Report, ThreadData } from './thread-messages.ts';
import { ThreadTally } from './thread-tally.ts';
import { mintTokens } from './tokens.ts';
import { SharedProgress } from './window.ts';

export type ThreadStart = ThreadData & { readonly beats: MessagePort | null };

const POLL_MS = 20;
const SECOND_US = 1_000_000;
/** After which the last answers are waited for no longer. */
const ANSWERS_QUIET_MS = 5_000;

class LoadThread {
  private readonly plan: LoadPlan;
  private readonly data: ThreadStart;
  private readonly port: MessagePort;
  private readonly clock: RunClock;
  private readonly tally: ThreadTally;
  private readonly progress: SharedProgress;
  /** By number of connection. */
  private readonly subscribers = new Map<number, Subscriber>();
  private readonly publishers = new Map<number, Publisher>();
  private readonly heads: Float64Array;
  private readonly unnumbered: Float64Array;
  private checks = new SequenceCheck(0);
  private readonly format: JsonFrames | MsgpackFrames;
  private pacer: Pacer | null = null;
  private incidents: Incidents | null = null;
  private measureFrom = Infinity;
  private arrived = 0;
  private unsettled = 0;
  private failed = 0;
  private subscriptions = 0;
  private hasCeased = false;

  constructor(data: ThreadStart, port: MessagePort) {
    this.data = data;
    this.plan = data.plan;
    this.port = port;
    this.clock = new RunClock(data.base);
    this.tally = new ThreadTally(this.clock);
    this.progress = new SharedProgress(data.shared);
    this.heads = new Float64Array(this.plan.topics);
    this.unnumbered = new Float64Array(this.plan.topics);
    this.format = this.plan.format === 'json' ? new JsonFrames(this.plan) : new MsgpackFrames(this.plan);
  }

  async prepare(): Promise<void> {
    const { plan, data } = this;
    const own = (count: number, isMine: (at: number) => boolean): number[] =>
      Array.from({ length: count }, (_, at) => at).filter(isMine);
    const subscribing = own(plan.connections, (at) => at % plan.threads === data.thread);
    // A window is watched by one thread; otherwise publishers are dealt out like subscribers.
    const publishing = own(plan.publishers, (at) =>
      plan.pace.kind === 'window' ? data.thread === 0 : at % plan.threads === data.thread,
    ).map((at) => plan.connections + at);
    const tokens = await mintTokens(data.credentials, plan, [...subscribing, ...publishing]);
    const topics = subscribing.map((connection) => topicsOf(plan, connection));
    this.checks = new SequenceCheck(topics.reduce((sum, { length }) => sum + length, 0));
    const context = this.context();
    for (const [at, connection] of subscribing.entries()) {
      const mine = topics[at] ?? [];
      this.subscribers.set(connection, new Subscriber(context, tokens[at] ?? null, mine, this.subscriptions));
      this.subscriptions += mine.length;
    }
    for (const [at, connection] of publishing.entries())
      this.publishers.set(connection, new Publisher(context, tokens[subscribing.length + at] ?? null));
    this.unsettled = this.subscribers.size + this.publishers.size;
    this.pacer = createPacer({
      plan,
      thread: data.thread,
      publishers: [...this.publishers.values()],
      clock: this.clock,
      tally: this.tally,
      progress: this.progress,
    });
    data.beats?.on('message', () => this.pacer?.beat());
    this.port.on('message', (order: Order) => this.follow(order));
    this.say({ type: 'ready' });
    void this.tick();
  }

  private context(): SubscriberContext & PublisherContext {
    return {
      target: this.plan.target,
      topicPrefix: this.plan.topicPrefix,
      format: this.format,
      clock: this.clock,
      tally: this.tally,
      checks: this.checks,
      heads: this.heads,
      unnumbered: this.unnumbered,
      onSettled: (isOpen) => this.settled(isOpen),
      onProgress: (messages) => {
        this.arrived += messages;
      },
      onAnswer: (publisher, retryAfterMs) => this.pacer?.answered(publisher, retryAfterMs),
      onChunkEnd: () => this.chunkEnd(),
    };
  }

  private say(report: Report): void {
    this.port.postMessage(report);
  }

  private follow(order: Order): void {
    switch (order.type) {
      case 'connect':
        return this.connect(order.at);
      case 'publish':
        return void this.publish(order.from, order.measureFrom, order.until);
      case 'wake':
        return this.pacer?.wake();
      case 'cease':
        this.hasCeased = true;
        return;
      case 'settle':
        return void this.finish(order.heads, order.quietMs);
    }
  }

  private connect(at: number): void {
    const waiting = [...this.subscribers, ...this.publishers].sort(([a], [b]) => a - b);
    let next = 0;
    const open = (): void => {
      for (; next < waiting.length; next += 1) {
        const [connection, client] = waiting[next] as [number, Subscriber | Publisher];
        const dueAt = at + openingMs(this.plan, connection) * 1_000;
        const waitMs = (dueAt - this.clock.now()) / 1_000;
        if (waitMs > 0) {
          setTimeout(open, waitMs);
          return;
        }
        client.open(dueAt);
      }
    };
    open();
    this.reportSettled();
  }

  private settled(isOpen: boolean): void {
    this.unsettled -= 1;
    if (!isOpen) this.failed += 1;
    this.reportSettled();
  }

  private reportSettled(): void {
    if (this.unsettled === 0) this.say({ type: 'connected', open: this.tally.open, failed: this.failed });
  }

  private chunkEnd(): void {
    if (this.arrived === 0) return;
    const { arrived } = this;
    this.arrived = 0;
    if (this.plan.pace.kind !== 'window' || !this.progress.add(arrived)) return;
    if (this.data.thread === 0) this.pacer?.wake();
    else this.say({ type: 'wake' });
  }

  private async publish(from: number, measureFrom: number, until: number): Promise<void> {
    this.measureFrom = measureFrom;
    this.tally.measureFrom = measureFrom;
    this.incidents = scheduleIncidents(this.plan, this.subscribers, this.clock, measureFrom);
    this.pacer?.start(from, until);
    while (!this.hasCeased && this.clock.now() < until) await delay(POLL_MS);
    // What is still due until the end; after being told to cease, nothing is.
    if (!this.hasCeased) this.pacer?.beat();
    this.pacer?.stop();
    this.incidents.end();
    await this.untilQuiet(() => this.pending() === 0, ANSWERS_QUIET_MS);
    let unanswered = this.pending();
    for (const publisher of this.publishers.values()) unanswered += publisher.unanswered;
    this.say({ type: 'published', heads: this.heads, unnumbered: this.unnumbered, unanswered });
  }

  private pending(): number {
    let pending = 0;
    for (const publisher of this.publishers.values()) pending += publisher.pending;
    return pending;
  }

  /** Waits until something is done, or nothing has arrived for so long. */
  private async untilQuiet(isDone: () => boolean, quietMs: number): Promise<void> {
    let heardAt = performance.now();
    for (let seen = this.tally.chunkAt; !isDone() && performance.now() - heardAt < quietMs;) {
      await delay(POLL_MS);
      if (this.tally.chunkAt !== seen) heardAt = performance.now();
      seen = this.tally.chunkAt;
    }
  }

  private async finish(heads: Float64Array, quietMs: number): Promise<void> {
    const { checks, tally } = this;
    const everything = [...this.subscribers.values()].flatMap(({ topics, first }) =>
      topics.map((topic, at) => ({ subscription: first + at, head: heads[topic] ?? 0 })),
    );
    const isComplete = (): boolean =>
      everything.every(
        ({ subscription, head }) => checks.lastOf(subscription) === -1 || checks.isComplete(subscription, head),
      );
    await this.untilQuiet(isComplete, quietMs);
    for (const { subscription, head } of everything) checks.close(subscription, head);
    this.say(tally.take(this.data.thread, this.second(), checks));
    this.say({
      type: 'done',
      thread: this.data.thread,
      checks: checks.verdict,
      open: tally.open,
      connect: tally.connect,
      slow: tally.slow,
      slowDeliveries: tally.slowDeliveries,
      slowReplayed: tally.slowReplayed,
      storms: this.incidents?.storms.filter(({ hasBegun }) => hasBegun).map(({ result }) => result) ?? [],
      refusals: tally.refusals,
      closes: tally.closes,
      errors: tally.errors,
      decoded: this.format.decoded,
      neverOpen: this.unsettled + this.failed,
    });
    for (const { link } of [...this.subscribers.values(), ...this.publishers.values()]) link.drop();
  }

  /** Whole seconds since the measurement began; minus infinity while it is not known when that will be. */
  private second(): number {
    return Math.floor((this.clock.now() - this.measureFrom) / SECOND_US);
  }

  /** Hands the counters over at every full second. */
  private async tick(): Promise<void> {
    for (;;) {
      const { measureFrom } = this;
      const second = this.second();
      const until = Number.isFinite(measureFrom)
        ? measureFrom + (second + 1) * SECOND_US
        : this.clock.now() + SECOND_US / 4;
      await delay(Math.max(1, (until - this.clock.now()) / 1_000), undefined, { ref: false });
      // Timers may be early by a fraction of a millisecond.
      if (this.measureFrom !== measureFrom || this.clock.now() < until) continue;
      this.say(this.tally.take(this.data.thread, second, this.checks));
    }
  }
}

if (parentPort !== null) await new LoadThread(workerData as ThreadStart, parentPort).prepare();
