/** How the Redis in use is doing: how fast it answers, what it last said of itself, and whether somebody emptied it. */
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';

/** Answers that count: of the last minute. */
const KEPT = 60;
/** So many in a row decide, by the fastest of them: a turn of our own that was late is no slow Redis. */
const DECIDING = 3;
export const SLOW_MS = 200;
/** How long it is told that Redis was emptied. */
const TOLD_MS = 300_000;

export class Vitals {
  /** `INFO` of every server that takes writes. */
  infos: readonly string[] = [];
  /** Times that everything was gone. */
  emptied = 0;
  isSlow = false;
  private emptiedAt = -Infinity;
  private emptiedHow = '';
  private born: string | null = null;
  private runs = '';
  private runsOfMark = '';
  private readonly latencies: number[] = [];
  private readonly clock: Clock;
  private readonly log: Log;

  constructor(clock: Clock, log: Log) {
    this.clock = clock;
    this.log = log;
  }

  /** A look was answered, or given up, after so long. */
  answered(ms: number): void {
    this.latencies.push(ms);
    if (this.latencies.length > KEPT) this.latencies.shift();
    const isSlow = this.latencies.length >= DECIDING && this.fastest() >= SLOW_MS;
    if (isSlow === this.isSlow) return;
    this.isSlow = isSlow;
    if (isSlow) this.log.warn('Redis is slow: everything that is stored waits for it', { latency_ms: this.fastest() });
    else this.log.info('Redis is fast again', { latency_ms: Math.round(ms) });
  }

  /** The connection is another: what was measured of the old one says nothing. */
  reconnected(): void {
    this.latencies.length = 0;
    this.isSlow = false;
  }

  said(infos: readonly string[]): void {
    this.infos = infos;
    this.runs = infos.map((info) => infoValue(info, 'run_id')).join(' ');
  }

  /** The mark of the service is there. @param born told once when it was made, so that another one means an empty Redis */
  marked(born: string): void {
    if (born === '') return;
    if (this.born !== null && this.born !== born) {
      this.emptied += 1;
      this.emptiedAt = this.clock.elapsed();
      this.emptiedHow =
        this.runsOfMark === this.runs
          ? 'all keys were deleted (FLUSHALL, FLUSHDB)'
          : 'it was started anew without its data';
      this.log.error('Redis was emptied: histories of topics and positions before are gone', { how: this.emptiedHow });
    }
    this.born = born;
    this.runsOfMark = this.runs;
  }

  /** How it was emptied, for some minutes. */
  get recentlyEmptied(): string | null {
    return this.clock.elapsed() - this.emptiedAt < TOLD_MS ? this.emptiedHow : null;
  }

  /** Milliseconds; `null` before the first answer. */
  get latency(): { readonly p50: number; readonly max: number } | null {
    const sorted = this.latencies.toSorted((a, b) => a - b);
    const rounded = (ms: number | undefined): number => Math.round((ms ?? 0) * 10) / 10;
    if (sorted.length === 0) return null;
    return { p50: rounded(sorted[Math.floor(sorted.length / 2)]), max: rounded(sorted.at(-1)) };
  }

  fastest(): number {
    return Math.min(...this.latencies.slice(-DECIDING));
  }
}

/** A value of `INFO`; the empty text when it is not there. */
export function infoValue(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
}
