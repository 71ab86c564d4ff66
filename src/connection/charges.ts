/** What frames cost, and what becomes of clients that send too many or too bad ones (docs/protocol.md, "Errors"). */
import { takeTokens, waitFor } from '../limits/token-bucket.ts';
import { ERRORS, refusal, type Refusal } from '../protocol/errors.ts';
import type { ClientFrame } from '../protocol/frames.ts';
import type { UserUsage } from '../limits/user-limits.ts';
import type { Connection } from './connection.ts';
import type { ConnectionContext } from './context.ts';

const TOPICS_PER_TOKEN = 10;
export const READ_COST = 5;
/** 20 strikes in 60 s close the connection; they decay one by one. */
const STRIKES = { perSecond: 20 / 60, burst: 20 };
/** Above this many times its rate, for so many beats on end, a connection is closed. */
const FLOOD_FACTOR = 10;
const FLOOD_BEATS = 10;

/** Bytes of a pong besides what it echoes. */
const PONG_HEADER = 2;

/** What is held against a client. */
export interface Conduct {
  /** State of the bucket of strikes. */
  strikesFullAt: number;
  /** Frames refused in the beat, the beat, and for how many beats in a row there were too many. */
  refused: number;
  beat: number;
  floodBeats: number;
  /** Bytes of pongs since the socket last had nothing to send. */
  pongBytes: number;
}

/** Tokens that a frame costs. */
export function costOf(frame: ClientFrame): number {
  switch (frame.type) {
    case 'Ack':
      return 0;
    case 'Subscribe':
    case 'Unsubscribe':
      return Math.ceil(frame.topics.length / TOPICS_PER_TOKEN);
    case 'History':
    case 'GetMissedMessages':
      return READ_COST;
    default:
      return 1;
  }
}

/** Charges the connection, its user and the node. Returns why not, when a bucket is empty; `null` when all is paid. */
export function chargeFrame(connection: Connection, cost: number): Refusal | null {
  const { context, usage } = connection;
  const { limits, clock, counters } = context;
  if (!limits.limitRates || cost === 0) return null;
  const now = clock.elapsed();
  const next = takeTokens(connection.fullAt, limits.connectionRate, cost, now);
  if (next === -1) {
    countRefused(connection);
    counters.rateLimited.add('connection');
    return limited(
      'connection',
      limits.connectionRate.perSecond,
      waitFor(connection.fullAt, limits.connectionRate, cost, now),
    );
  }
  connection.fullAt = next;
  return chargeUser(context, usage, cost);
}

/** Charges a user and the node: what all connections and HTTP requests of a user share. */
export function chargeUser(context: ConnectionContext, usage: UserUsage, cost: number): Refusal | null {
  const { limits, users, nodeBucket, clock, counters } = context;
  if (!limits.limitRates) return null;
  const now = clock.elapsed();
  if (!users.take(usage, cost, now)) {
    counters.rateLimited.add('user');
    return limited('user', users.rate.perSecond, users.wait(usage, cost, now));
  }
  if (!nodeBucket.take(cost, now)) {
    counters.rateLimited.add('global');
    return limited('node', nodeBucket.rate.perSecond, nodeBucket.wait(cost, now));
  }
  return null;
}

/** Counts a refusal against the client when a correct one would never cause it. Returns whether it was one too many. */
export function strike(connection: Connection, { reason }: Refusal): boolean {
  if (!ERRORS[reason].strike) return false;
  const conduct = conductOf(connection);
  const now = connection.context.clock.elapsed();
  const next = takeTokens(conduct.strikesFullAt, STRIKES, 1, now);
  if (next === -1) return true;
  conduct.strikesFullAt = next;
  // The bucket holds exactly the strikes that are allowed: the one that empties it is the last.
  return takeTokens(next, STRIKES, 1, now) === -1;
}

/**
 * Whether the pongs of a client that pings and does not read have become more than its control lane may hold: the
 * socket library answers pings by itself, past that lane.
 */
export function pongsPileUp(connection: Connection, pingBytes: number): boolean {
  const { transport, conduct, context } = connection;
  const buffered = transport?.buffered() ?? 0;
  if (buffered === 0) {
    if (conduct !== null) conduct.pongBytes = 0;
    return false;
  }
  const { controlBytes } = context.limits;
  const { pongBytes } = conductOf(connection);
  conductOf(connection).pongBytes = pongBytes + pingBytes + PONG_HEADER;
  return pongBytes > controlBytes && buffered > controlBytes;
}

function conductOf(connection: Connection): Conduct {
  return (connection.conduct ??= { strikesFullAt: 0, refused: 0, beat: 0, floodBeats: 0, pongBytes: 0 });
}

function limited(scope: string, perSecond: number, retryAfterMs: number): Refusal {
  return refusal('rate_limited', `expected at most ${perSecond} tokens per second for this ${scope}`, retryAfterMs);
}

function countRefused(connection: Connection): void {
  const conduct = conductOf(connection);
  const { limits, node } = connection.context;
  if (conduct.beat !== node.beat) {
    const tooMany =
      conduct.refused > (FLOOD_FACTOR - 1) * limits.connectionRate.perSecond && conduct.beat === node.beat - 1;
    conduct.floodBeats = tooMany ? conduct.floodBeats + 1 : 0;
    conduct.refused = 0;
    conduct.beat = node.beat;
  }
  conduct.refused += 1;
  if (conduct.floodBeats < FLOOD_BEATS) return;
  connection.close('rate_limited', `more than ${FLOOD_FACTOR} times the allowed rate for ${FLOOD_BEATS} s`);
}
