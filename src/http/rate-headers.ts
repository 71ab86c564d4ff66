/**
 * How much of its rate a caller has left: `X-RateLimit-Limit` tokens of a full bucket, `-Remaining` tokens that are
 * there, `-Reset` when the bucket is full again, in seconds since 1970.
 */
import type { KeyedBuckets } from '../limits/keyed-buckets.ts';
import type { Level } from '../limits/token-bucket.ts';
import type { UserUsage } from '../limits/user-limits.ts';
import { networkOf } from '../node/client-address.ts';
import type { NodeParts } from '../node/node.ts';
import type { ServiceContext } from '../service/context.ts';
import type { Clock } from '../telemetry/clock.ts';

export const RATE_HEADERS = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'] as const;

type RateHeaders = Readonly<Partial<Record<(typeof RATE_HEADERS)[number], string>>>;

/** Of the user's bucket or the node's, whichever has less left: that one refuses first. Nothing when rates are off. */
export function userRate({ clock, users, nodeBucket, limits }: ServiceContext, usage: UserUsage): RateHeaders {
  if (!limits.limitRates) return {};
  const now = clock.elapsed();
  const [user, node] = [users.level(usage, now), nodeBucket.level(now)];
  return headersOf(node.remaining < user.remaining ? node : user, clock);
}

/** Of the bucket of failed tokens from an address, for callers that are not known yet. */
export function addressRate({ failures, context }: NodeParts, address: string): RateHeaders {
  return headersOf(failures.level(networkOf(address), context.clock.elapsed()), context.clock);
}

/** Of the bucket of strangers from an address, who call what is open to everybody. */
export function strangerRate({ clock, limits }: ServiceContext, strangers: KeyedBuckets, address: string): RateHeaders {
  if (!limits.limitRates) return {};
  return headersOf(strangers.level(networkOf(address), clock.elapsed()), clock);
}

function headersOf({ limit, remaining, fullInMs }: Level, clock: Clock): RateHeaders {
  return {
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': String(Math.ceil((clock.now() + fullInMs) / 1_000)),
  };
}
