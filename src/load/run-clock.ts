/** One clock for all threads of a run: microseconds since its base, monotonic. Payloads carry it as 13 digits. */

export const STAMP_DIGITS = 13;

/** `process.hrtime()` at the start of the run: seconds and nanoseconds of the clock that all threads of a process share. */
export type ClockBase = readonly [seconds: number, nanoseconds: number];

/**
 * Not `performance.now()`, whose origin is each thread's own: taking the difference of two origins is off by
 * milliseconds when the thread is interrupted in between, and that would be measured as latency.
 */
export class RunClock {
  private readonly base: ClockBase;

  constructor(base: ClockBase) {
    this.base = base;
  }

  /** Whole microseconds since the base. */
  now(): number {
    const [seconds, nanoseconds] = process.hrtime();
    return (seconds - this.base[0]) * 1_000_000 + Math.floor((nanoseconds - this.base[1]) / 1_000);
  }
}

/** A stamp as text of constant width, so that it stands at the same offset in every payload. */
export function stampText(us: number): string {
  return String(us).padStart(STAMP_DIGITS, '0');
}
