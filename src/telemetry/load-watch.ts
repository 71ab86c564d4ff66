/**
 * How busy the process is: the lag of its event loop, what garbage collection takes, and CPU. In windows of ten seconds to two
 * minutes, so that an answer is about now.
 */
import {
  monitorEventLoopDelay,
  performance as loop,
  PerformanceObserver,
  type IntervalHistogram,
} from 'node:perf_hooks';

/** Between two samples of the event loop, in ms. */
const RESOLUTION_MS = 20;
const WINDOW_MS = 60_000;
/** A window that is younger says little: the one before stands for it. */
const YOUNG_MS = 10_000;

export interface LoadFacts {
  /** What the figures are about. */
  readonly window_secs: number;
  readonly loop_lag_ms: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly gc: { readonly count: number; readonly ms: number; readonly longest_ms: number };
  /** Cores, of all threads of the process. */
  readonly cpu: number;
  /** The part of the time that the event loop worked and did not wait for events: 1 is a node that can do no more. */
  readonly loop_busy: number;
}

export class LoadWatch {
  private readonly delays: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private readonly observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) this.collected(duration);
  });
  private gc = { count: 0, ms: 0, longest_ms: 0 };
  private cpu = process.cpuUsage();
  private busy = loop.eventLoopUtilization();
  private since = performance.now();
  private before: LoadFacts | null = null;

  start(): void {
    this.delays.enable();
    this.observer.observe({ entryTypes: ['gc'] });
  }

  stop(): void {
    this.delays.disable();
    this.observer.disconnect();
  }

  /** Call it about once a second. */
  beat(): void {
    if (performance.now() - this.since < WINDOW_MS) return;
    this.before = this.window();
    this.delays.reset();
    this.gc = { count: 0, ms: 0, longest_ms: 0 };
    this.cpu = process.cpuUsage();
    this.busy = loop.eventLoopUtilization();
    this.since = performance.now();
  }

  facts(): LoadFacts {
    return this.before !== null && performance.now() - this.since < YOUNG_MS ? this.before : this.window();
  }

  private window(): LoadFacts {
    const elapsed = performance.now() - this.since;
    const { user, system } = process.cpuUsage(this.cpu);
    return {
      window_secs: Math.round(elapsed / 100) / 10,
      loop_lag_ms: { p50: this.lag(50), p99: this.lag(99), max: this.lag(100) },
      gc: { ...this.gc, ms: Math.round(this.gc.ms), longest_ms: Math.round(this.gc.longest_ms) },
      cpu: Math.round(((user + system) / 1_000 / Math.max(1, elapsed)) * 100) / 100,
      loop_busy: Math.round(loop.eventLoopUtilization(this.busy).utilization * 100) / 100,
    };
  }

  private lag(percentile: number): number {
    const ns = this.delays.percentile(percentile);
    // A sample has the time between two of them in it.
    return Math.max(0, Math.round(ns / 1e5 - RESOLUTION_MS * 10) / 10);
  }

  private collected(ms: number): void {
    this.gc.count += 1;
    this.gc.ms += ms;
    this.gc.longest_ms = Math.max(this.gc.longest_ms, ms);
  }
}
