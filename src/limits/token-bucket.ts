/** Rate limits as token buckets, in the form that needs one number per bucket (the generic cell rate algorithm). */

/** How fast a bucket refills and how much it holds. One object serves all buckets of a kind and may change at run time. */
export interface Rate {
  /** Tokens per second. */
  perSecond: number;
  /** Tokens that a full bucket holds. */
  burst: number;
}

/**
 * The state of a bucket is the time at which it will be full again, in ms of the monotonic clock; 0 for a new one.
 * Instead of a class with two fields, because every connection has one: 8 bytes, and nothing to refill by timer.
 */
export type FullAt = number;

const MAX_DEBT_MS = 60_000;

/** Takes `cost` tokens. Returns the new state, or -1 when there are too few: then nothing is taken. */
export function takeTokens(fullAt: FullAt, rate: Rate, cost: number, now: number): FullAt {
  const interval = 1_000 / rate.perSecond;
  const next = Math.max(fullAt, now) + cost * interval;
  // The small part keeps rounding from refusing a token that is there (`now + interval - now` may exceed `interval`).
  return next - now > rate.burst * interval + 1e-6 ? -1 : next;
}

/**
 * Takes tokens that are owed for work already done, however many there are: the bucket is overdrawn, and gives nothing
 * until it has caught up. Nobody owes for longer than `MAX_DEBT_MS`.
 */
export function oweTokens(fullAt: FullAt, rate: Rate, cost: number, now: number): FullAt {
  const interval = 1_000 / rate.perSecond;
  const start = Math.max(fullAt, now);
  return Math.max(start, Math.min(start + cost * interval, now + rate.burst * interval + MAX_DEBT_MS));
}

/** Milliseconds until `cost` tokens are there: what a refused caller is told. Never 0. */
export function waitFor(fullAt: FullAt, rate: Rate, cost: number, now: number): number {
  const interval = 1_000 / rate.perSecond;
  return Math.max(1, Math.ceil(Math.max(fullAt, now) + cost * interval - now - rate.burst * interval));
}

/** What a bucket holds, in the terms of its owner. */
export interface Level {
  /** Tokens of a full bucket. */
  readonly limit: number;
  /** Whole tokens that are there. */
  readonly remaining: number;
  /** Milliseconds until the bucket is full again. */
  readonly fullInMs: number;
}

export function levelOf(fullAt: FullAt, rate: Rate, now: number): Level {
  const fullInMs = Math.max(0, fullAt - now);
  // The small part keeps a division that is not exact from losing a whole token.
  const remaining = Math.floor(rate.burst - (fullInMs * rate.perSecond) / 1_000 + 1e-6);
  return { limit: rate.burst, remaining: Math.max(0, remaining), fullInMs };
}

/** A bucket on its own, for where there are few. */
export class TokenBucket {
  private fullAt: FullAt = 0;
  readonly rate: Rate;

  constructor(rate: Rate) {
    this.rate = rate;
  }

  /** @returns whether the tokens were there; if not, nothing is taken */
  take(cost: number, now: number): boolean {
    const next = takeTokens(this.fullAt, this.rate, cost, now);
    if (next === -1) return false;
    this.fullAt = next;
    return true;
  }

  /** Whether `take` would succeed, without taking. */
  allows(cost: number, now: number): boolean {
    return takeTokens(this.fullAt, this.rate, cost, now) !== -1;
  }

  /** Milliseconds until `cost` tokens are there. */
  wait(cost: number, now: number): number {
    return waitFor(this.fullAt, this.rate, cost, now);
  }

  level(now: number): Level {
    return levelOf(this.fullAt, this.rate, now);
  }
}
