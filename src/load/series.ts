/** The seconds of a run, added up over its threads. */
import type { RecordableHistogram } from 'node:perf_hooks';
import { distributionOf, latencyHistogram, mergeLatency } from './latency.ts';
import { addVerdicts, type SequenceVerdict } from './sequence-check.ts';
import type { Counts, Tick } from './thread-messages.ts';

/** One second of the measurement, all threads together; latencies in ms. */
export interface Second extends Counts {
  readonly second: number;
  readonly open: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

interface OpenSecond {
  readonly ticks: Tick[];
  readonly threads: Set<number>;
}

/** Processor time and how long it was measured, in µs. */
export interface CpuUse {
  cpuUs: number;
  elapsedUs: number;
  busiest: number;
}

const COUNTS = [
  'deliveries',
  'replayed',
  'messages',
  'bytes',
  'published',
  'acknowledged',
  'refused',
  'skipped',
] as const satisfies readonly (keyof Counts)[];

export function sumCounts(all: readonly Counts[]): Counts {
  const sum = Object.fromEntries(COUNTS.map((name) => [name, all.reduce((total, one) => total + one[name], 0)]));
  return sum as unknown as Counts;
}

export class Series {
  readonly seconds: Second[] = [];
  readonly delivery = latencyHistogram();
  readonly ack = latencyHistogram();
  /** By thread, within the measurement. */
  readonly cpu: CpuUse[];
  /** Everything, with warming up and what came after the end. */
  total: Counts = sumCounts([]);
  /** The newest state of every thread, for the progress line. */
  readonly latest: (Tick | undefined)[];
  readonly late = latencyHistogram();
  /** Set when it is known: seconds that begin at it or later are no longer part of the measurement. */
  durationSeconds = Infinity;
  private readonly open = new Map<number, OpenSecond>();

  constructor(threads: number) {
    this.cpu = Array.from({ length: threads }, () => ({ cpuUs: 0, elapsedUs: 0, busiest: 0 }));
    this.latest = Array.from({ length: threads }, () => undefined);
  }

  add(tick: Tick): void {
    this.latest[tick.thread] = tick;
    this.total = sumCounts([this.total, tick]);
    // Threads record only what was meant for the measurement. Its first messages may come in the tick before it, which
    // is handed over a little late.
    mergeLatency(this.ack, tick.ack);
    mergeLatency(this.delivery, tick.delivery);
    mergeLatency(this.late, tick.late);
    if (tick.second < 0) return;
    if (tick.second < this.durationSeconds) this.addCpu(tick);
    const second = this.open.get(tick.second) ?? { ticks: [], threads: new Set<number>() };
    second.ticks.push(tick);
    second.threads.add(tick.thread);
    this.open.set(tick.second, second);
    if (second.threads.size === this.cpu.length) this.close(tick.second);
  }

  /** Closes what is still open, when the threads have ended. */
  end(): void {
    for (const second of this.open.keys()) this.close(second);
    this.seconds.sort((a, b) => a.second - b.second);
  }

  /** What was checked so far. */
  get checks(): SequenceVerdict {
    return addVerdicts(this.latest.flatMap((tick) => (tick === undefined ? [] : [tick.checks])));
  }

  private addCpu(tick: Tick): void {
    const use = this.cpu[tick.thread];
    if (use === undefined || tick.elapsedUs <= 0) return;
    use.cpuUs += tick.cpuUs;
    use.elapsedUs += tick.elapsedUs;
    if (tick.elapsedUs > 500_000) use.busiest = Math.max(use.busiest, tick.cpuUs / tick.elapsedUs);
  }

  private close(second: number): void {
    const { ticks } = this.open.get(second) as OpenSecond;
    this.open.delete(second);
    const delivery = merged(ticks);
    const { p50, p99, max } = distributionOf(delivery);
    this.seconds.push({ second, ...sumCounts(ticks), open: sumOpen(ticks), p50, p99, max });
  }
}

function merged(ticks: readonly Tick[]): RecordableHistogram {
  const all = latencyHistogram();
  // Round trips without subscribers have only these.
  const isAcks = ticks.every(({ delivery }) => delivery.count === 0);
  for (const { delivery, ack } of ticks) mergeLatency(all, isAcks ? ack : delivery);
  return all;
}

function sumOpen(ticks: readonly Tick[]): number {
  const byThread = new Map(ticks.map(({ thread, open }) => [thread, open]));
  return [...byThread.values()].reduce((sum, open) => sum + open, 0);
}
