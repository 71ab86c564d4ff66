/** How often one connection may change its presence: what comes too soon is made later, with the newest data. */
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Clock } from '../telemetry/clock.ts';

export interface RateOptions {
  /** Changes of a connection that are made at once within the window. */
  readonly changes: number;
  readonly windowMs: number;
}

/** Beyond so many times the changes a connection is refused. */
const REFUSED_FACTOR = 10;

interface Window {
  readonly until: number;
  count: number;
  /** The newest change of each topic that waits for the end of the window. */
  readonly held: Map<string, () => void>;
}

export class ChangeRates {
  private readonly windows = new Map<string, Window>();
  private readonly options: RateOptions;
  private readonly clock: Clock;

  constructor(options: RateOptions, clock: Clock) {
    this.options = options;
    this.clock = clock;
  }

  /** @returns `null` for now, `later` when the work is kept until the window ends, or why it is refused */
  take(key: string, topic: Topic, work: () => void): null | 'later' | Refusal {
    const now = this.clock.elapsed();
    const { changes, windowMs } = this.options;
    let window = this.windows.get(key);
    if (window === undefined || (window.until <= now && window.held.size === 0)) {
      window = { until: now + windowMs, count: 0, held: new Map() };
      this.windows.set(key, window);
    }
    window.count += 1;
    if (window.count <= changes) return null;
    if (window.count > changes * REFUSED_FACTOR) {
      const expected = `expected at most ${changes * REFUSED_FACTOR} changes of presence in ${windowMs / 1_000} s`;
      return refusal('rate_limited', expected, Math.max(1, Math.ceil(window.until - now)));
    }
    window.held.set(topic, work);
    return 'later';
  }

  cancel(key: string, topic: Topic): void {
    this.windows.get(key)?.held.delete(topic);
  }

  end(key: string): void {
    this.windows.delete(key);
  }

  sweep(): void {
    const now = this.clock.elapsed();
    for (const [key, { until, held }] of this.windows) {
      if (until > now) continue;
      this.windows.delete(key);
      for (const work of held.values()) work();
    }
  }
}
