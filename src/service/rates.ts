/** What all connections and HTTP requests of a user share, and all of a node: their rates. */
import type { UserUsage } from '../limits/user-limits.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { ServiceContext } from './context.ts';

/** Tokens that a page of a log costs. */
export const READ_COST = 5;

/** Charges a user and the node. Returns why not, when a bucket is empty. */
export function chargeUser(context: ServiceContext, usage: UserUsage, cost: number): Refusal | null {
  const { limits, users, nodeBucket, clock, counters } = context;
  if (!limits.limitRates) return null;
  const now = clock.elapsed();
  if (!users.take(usage, cost, now)) {
    counters.rateLimited.add('user');
    return rateLimited('user', users.rate.perSecond, users.wait(usage, cost, now));
  }
  if (!nodeBucket.take(cost, now)) {
    counters.rateLimited.add('global');
    return rateLimited('node', nodeBucket.rate.perSecond, nodeBucket.wait(cost, now));
  }
  return null;
}

export function rateLimited(scope: string, perSecond: number, retryAfterMs: number): Refusal {
  return refusal('rate_limited', `expected at most ${perSecond} tokens per second for this ${scope}`, retryAfterMs);
}
