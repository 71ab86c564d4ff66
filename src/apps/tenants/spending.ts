/** Requests of a tenant in a minute: counted up to the limit, on one node here. */
import { dropOldest } from '../../telemetry/drop-oldest.ts';

const MINUTE_MS = 60_000;
/** Tenants that are counted at a time. */
const MAX_TENANTS = 100_000;

/** Whether a request fits into its minute; `retryAfterMs`: when the next one begins. */
export type Spent = { readonly ok: true } | { readonly ok: false; readonly retryAfterMs: number };

export interface MinuteCounter {
  /** Counts a request if fewer than `limit` were counted in this minute. @param now milliseconds since 1970 */
  take(tenant: string, limit: number, now: number): Promise<boolean>;
  /** How many were counted in this minute. */
  count(tenant: string, now: number): Promise<number>;
}

export class MemoryMinuteCounter implements MinuteCounter {
  private minute = 0;
  private readonly counts = new Map<string, number>();

  count(tenant: string, now: number): Promise<number> {
    const isNow = Math.floor(now / MINUTE_MS) === this.minute;
    return Promise.resolve(isNow ? (this.counts.get(tenant) ?? 0) : 0);
  }

  take(tenant: string, limit: number, now: number): Promise<boolean> {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.minute) this.counts.clear();
    this.minute = minute;
    const count = this.counts.get(tenant) ?? 0;
    if (count >= limit) return Promise.resolve(false);
    this.counts.set(tenant, count + 1);
    dropOldest(this.counts, MAX_TENANTS);
    return Promise.resolve(true);
  }
}

/** Remembers who has nothing left in this minute, so that a flood of refused requests asks nobody. */
export class Spending {
  private readonly counter: MinuteCounter;
  private readonly exhausted = new Map<string, { readonly minute: number; readonly limit: number }>();

  constructor(counter: MinuteCounter) {
    this.counter = counter;
  }

  /** How many requests this minute has had. */
  used(tenant: string, now: number): Promise<number> {
    return this.counter.count(tenant, now);
  }

  /** @param limit requests a minute; @param now milliseconds since 1970 */
  async spend(tenant: string, limit: number, now: number): Promise<Spent> {
    const minute = Math.floor(now / MINUTE_MS);
    const known = this.exhausted.get(tenant);
    if (known?.minute === minute && known.limit >= limit) return refused(now);
    if (await this.counter.take(tenant, limit, now)) return { ok: true };
    this.exhausted.delete(tenant);
    this.exhausted.set(tenant, { minute, limit });
    dropOldest(this.exhausted, MAX_TENANTS);
    return refused(now);
  }
}

function refused(now: number): Spent {
  return { ok: false, retryAfterMs: MINUTE_MS - (now % MINUTE_MS) };
}

/** The minute as its counter is named, in UTC: `202601141030`. */
export function minuteName(now: number): string {
  return new Date(now).toISOString().replaceAll(/[-T:]/g, '').slice(0, 12);
}
