/** Whether anybody reads the metrics: a dashboard without data does not say whether nobody asks or nobody answers. */
import type { Clock } from './clock.ts';

export interface ScrapeFacts {
  /** Of /metrics, since the start. */
  readonly count: number;
  /** Since the last one, or since the start. */
  readonly silent_secs: number;
}

export class Scrapes {
  private count = 0;
  private lastMs: number;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
    this.lastMs = clock.elapsed();
  }

  came(): void {
    this.count += 1;
    this.lastMs = this.clock.elapsed();
  }

  facts(): ScrapeFacts {
    return { count: this.count, silent_secs: Math.floor((this.clock.elapsed() - this.lastMs) / 1_000) };
  }
}
