/** What all connections and HTTP requests of a user share, and all of a node: their rates. */
import type { UserUsage } from '../limits/user-limits.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { ServiceContext } from './context.ts';

/** Tokens that a page of a log costs. */
export const READ_COST = 5;
/** Tokens that asking, or telling, every node costs. */
export const ALL_NODES_COST = 5;
/**
 * The bytes that one token pays for: of payloads a KiB takes 1 to 30 µs, of other fields with many keys or maps, which are
 * built, up to 250 µs, and a small frame with all that follows from it some 10 to 20 µs.
 */
const BYTES_PER_TOKEN = 8_192;

/** Charges a user and the node. Returns why not, when a bucket is empty. */
export function chargeUser(
  context: ServiceContext,
  usage: UserUsage,
  cost: number,
  now = context.clock.elapsed(),
): Refusal | null {
  const { limits, users, nodeBucket, counters } = context;
  if (!limits.limitRates) return null;
  if (!users.take(usage, cost, now)) {
    usage.refused += 1;
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

/** Tokens for reading a message or the body of a request, beside what is in it: nothing for the first 8 KiB. */
export function readingCost(bytes: number): number {
  return Math.max(0, Math.ceil(bytes / BYTES_PER_TOKEN) - 1);
}

/** The most that anything costs a user: what is more than a full bucket would never be taken. */
export function mostOfUser({ users, nodeBucket }: Pick<ServiceContext, 'users' | 'nodeBucket'>): number {
  return Math.min(users.rate.burst, nodeBucket.rate.burst);
}
