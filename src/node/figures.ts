/**
 * What a node did in the last fifteen minutes, for people who look now: rates, latencies, lag and memory every five seconds.
 * Nothing of it walks over connections, so that it costs microseconds whether or not anybody looks.
 */
import type { Histogram } from '../telemetry/counters.ts';
import type { ProcessUsage } from '../telemetry/process-usage.ts';
import { quantile } from '../telemetry/quantile.ts';
import { EVERY_SECS, RecentFigures, type FiguresSince } from '../telemetry/recent-figures.ts';
import type { Node } from './node.ts';

/** Every figure with what it says, in the order in which {@link NodeFigures} takes them. docs/administration.md has the table. */
export const FIGURES = {
  connections: 'open connections',
  published: 'messages accepted from clients per second',
  received: 'frames from clients per second',
  delivered: 'messages written to clients per second',
  errors: 'refused frames per second',
  closed: 'connections closed per second',
  displaced: 'messages per second that gave way in full mailboxes',
  replayed: 'messages per second written from a log or tail',
  delivery_p50_ms: 'from the arrival of a message at this node to its write to a socket, the median of five seconds',
  delivery_p99_ms: 'the same for 99 of 100',
  ping_p50_ms: 'from a ping to its pong, the median of five seconds',
  event_loop_lag_ms: 'how late the pulse of the node was, the worst of five seconds',
  cpu: 'share of one core',
  rss_bytes: 'memory of the process',
  heap_bytes: 'memory of the heap in use',
  mailbox_bytes: 'bytes that wait in all mailboxes',
  blocked: 'connections whose socket has no room',
} as const;

/** Figures that are differences of counters, per second. */
type Rate = 'published' | 'received' | 'delivered' | 'errors' | 'closed' | 'displaced' | 'replayed';

export class NodeFigures {
  private readonly recent = new RecentFigures(Object.keys(FIGURES));
  private readonly node: Node;
  private readonly usage: () => ProcessUsage;
  private readonly delivery: Recent;
  private readonly ping: Recent;
  private totals: Readonly<Record<Rate, number>>;
  private cpuSeconds: number;
  private sampledAt: number;
  private beats = 0;
  private worstLagMs = 0;

  constructor(node: Node, usage: () => ProcessUsage) {
    this.node = node;
    this.usage = usage;
    const { counters, clock } = node.parts.context;
    this.delivery = new Recent(counters.publishToWrite);
    this.ping = new Recent(counters.pingRoundTrip);
    this.totals = this.countersNow();
    this.cpuSeconds = usage().cpuSeconds;
    this.sampledAt = clock.elapsed();
  }

  /** Once a second. @param lagMs how late this beat was */
  beat(lagMs: number): void {
    this.worstLagMs = Math.max(this.worstLagMs, lagMs);
    this.beats += 1;
    if (this.beats % EVERY_SECS === 0) this.sample();
  }

  since(at: number): FiguresSince {
    return this.recent.since(at);
  }

  private sample(): void {
    const { context } = this.node.parts;
    const now = context.clock.elapsed();
    const secs = Math.max(0.001, (now - this.sampledAt) / 1_000);
    const before = this.totals;
    this.totals = this.countersNow();
    const { rssBytes, heapBytes, cpuSeconds } = this.usage();
    const rate = (name: Rate): number => (this.totals[name] - before[name]) / secs;
    const figures: Readonly<Record<keyof typeof FIGURES, number>> = {
      connections: this.node.connections.length,
      published: rate('published'),
      received: rate('received'),
      delivered: rate('delivered'),
      errors: rate('errors'),
      closed: rate('closed'),
      displaced: rate('displaced'),
      replayed: rate('replayed'),
      ...this.latencies(),
      event_loop_lag_ms: this.worstLagMs,
      cpu: (cpuSeconds - this.cpuSeconds) / secs,
      rss_bytes: rssBytes,
      heap_bytes: heapBytes,
      mailbox_bytes: context.backlog.bytes,
      blocked: context.backlog.blocked.size,
    };
    this.recent.add(
      context.clock.now(),
      (Object.keys(FIGURES) as (keyof typeof FIGURES)[]).map((name) => figures[name]),
    );
    this.cpuSeconds = cpuSeconds;
    this.sampledAt = now;
    this.worstLagMs = 0;
  }

  private latencies(): Readonly<Record<'delivery_p50_ms' | 'delivery_p99_ms' | 'ping_p50_ms', number>> {
    const [p50 = NaN, p99 = NaN] = this.delivery.quantiles([0.5, 0.99]);
    const [ping = NaN] = this.ping.quantiles([0.5]);
    return { delivery_p50_ms: p50 * 1_000, delivery_p99_ms: p99 * 1_000, ping_p50_ms: ping * 1_000 };
  }

  private countersNow(): Readonly<Record<Rate, number>> {
    const { counters } = this.node.parts.context;
    return {
      published: counters.published,
      received: counters.received.total,
      delivered: counters.publicationsSent.total,
      errors: counters.errors.total,
      closed: counters.closed.total,
      displaced: counters.displaced,
      replayed: counters.replayed,
    };
  }
}

/** What a histogram has counted since the last look. */
class Recent {
  private readonly histogram: Histogram;
  private before: readonly number[];

  constructor(histogram: Histogram) {
    this.histogram = histogram;
    this.before = [...histogram.counts];
  }

  quantiles(fractions: readonly number[]): number[] {
    const now = [...this.histogram.counts];
    const counts = now.map((count, at) => count - (this.before[at] ?? 0));
    this.before = now;
    return fractions.map((fraction) => quantile(this.histogram.bounds, counts, fraction));
  }
}
