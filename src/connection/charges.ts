/** What frames cost, and what becomes of clients that send too many or too bad ones (docs/protocol.md, "Errors"). */
import { oweTokens, takeTokens, waitFor } from '../limits/token-bucket.ts';
import { ERRORS, type Refusal } from '../protocol/errors.ts';
import type { ClientFrame, SubscribeFrame } from '../protocol/frames.ts';
import { chargeUser, mostOfUser, READ_COST, rateLimited, readingCost } from '../service/rates.ts';
import type { Connection } from './connection.ts';
import { frameHandlerOf } from './frame-handlers.ts';
import { MIN_UNREAD, overruns } from './turn-guard.ts';

const TOPICS_PER_TOKEN = 10;
const POSITIONS_PER_TOKEN = 10;
/** What a ping or pong of the protocol costs, or an empty `Ack`: a client that answers our pings never notices. */
const FREE_FRAME_COST = 0.1;
/** What a pattern looks at, and what it subscribes to: a pattern that finds nothing among few topics costs nothing more. */
const NAMES_PER_TOKEN = 1_000;
const MATCHED_PER_TOKEN = 100;
/** 20 strikes in 60 s close the connection; they decay one by one. */
const STRIKES = { perSecond: 20 / 60, burst: 20 };
/** Above this many times its rate, for so many beats on end, a connection is closed. */
const FLOOD_FACTOR = 10;
const FLOOD_BEATS = 10;

/** Smaller messages are read, so that the refusal can name the frame. */
const LARGE_BYTES = 4_096;

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
  /** What was paid for reading the message that came last. */
  reading: number;
  /** When the frame that was refused last may be sent again, in ms of the monotonic clock. */
  refusedUntil: number;
}

/** Tokens that a frame costs. */
function costOf(frame: ClientFrame): number {
  switch (frame.type) {
    case 'Ack':
      return frame.positions.size / POSITIONS_PER_TOKEN;
    case 'Subscribe':
      return Math.ceil((frame.topics.length + positionsOf(frame)) / TOPICS_PER_TOKEN);
    case 'Unsubscribe':
      return Math.ceil(frame.topics.length / TOPICS_PER_TOKEN);
    case 'History':
    case 'PresenceGet':
      return READ_COST;
    case 'GetMissedMessages':
      return READ_COST + (typeof frame.since === 'string' ? 0 : Math.floor(frame.since.size / POSITIONS_PER_TOKEN));
    default:
      return 1;
  }
}

/** The most that a message costs. */
function mostOf({ context }: Connection): number {
  return Math.min(context.limits.connectionRate.burst, mostOfUser(context));
}

/** What a frame costs beside its being read: both together never more than a full bucket. */
export function affordable(connection: Connection, frame: ClientFrame): number {
  const { frameHandlers } = connection.context;
  const isOfApp = frame.type.startsWith('X-');
  const cost = isOfApp ? (frameHandlerOf(frameHandlers, frame.type)?.cost ?? 1) : costOf(frame);
  return Math.min(cost, mostOf(connection) - (connection.conduct?.reading ?? 0));
}

/** Topics at which patterns resume: each is a read of the log. */
function positionsOf({ topics }: SubscribeFrame): number {
  let count = 0;
  for (const { positions } of topics) count += positions?.size ?? 0;
  return count;
}

/** Charges the connection, its user and the node. Returns why not, when a bucket is empty; `null` when all is paid. */
export function chargeFrame(connection: Connection, cost: number): Refusal | null {
  const { context, usage } = connection;
  const { limits, clock, counters } = context;
  if (!limits.limitRates || cost === 0) return null;
  const now = clock.elapsed();
  const next = takeTokens(connection.fullAt, limits.connectionRate, cost, now);
  if (next !== -1) {
    connection.fullAt = next;
    return told(connection, chargeUser(context, usage, cost, now), now);
  }
  countRefused(connection);
  counters.rateLimited.add('connection');
  const wait = waitFor(connection.fullAt, limits.connectionRate, cost, now);
  return told(connection, rateLimited('connection', limits.connectionRate.perSecond, wait), now);
}

/** Remembers what a client is told: a large message that comes before that is not read ({@link chargeUnread}). */
function told(connection: Connection, refused: Refusal | null, now: number): Refusal | null {
  if (refused !== null) conductOf(connection).refusedUntil = now + (refused.retryAfterMs ?? 0);
  return refused;
}

/** Frames without an answer get no refusal either: too many of them count as the flood that they are. */
export function chargeFreeFrame(connection: Connection): void {
  const { limits, clock, users } = connection.context;
  if (!limits.limitRates) return;
  const now = clock.elapsed();
  const next = takeTokens(connection.fullAt, limits.connectionRate, FREE_FRAME_COST, now);
  if (next === -1) return countRefused(connection);
  connection.fullAt = next;
  users.owe(connection.usage, FREE_FRAME_COST, now);
}

/** Why this client gets nothing now, whatever it costs, or `null`. */
export function overdraft(connection: Connection): Refusal | null {
  const { limits, users, clock } = connection.context;
  if (!limits.limitRates) return null;
  const now = clock.elapsed();
  const { connectionRate } = limits;
  if (takeTokens(connection.fullAt, connectionRate, 0, now) === -1)
    return rateLimited('connection', connectionRate.perSecond, waitFor(connection.fullAt, connectionRate, 0, now));
  if (takeTokens(connection.usage.fullAt, users.rate, 0, now) === -1)
    return rateLimited('user', users.rate.perSecond, users.wait(connection.usage, 0, now));
  return null;
}

/** What comes behind a refusal that stands for the rest of its turn: it gets no answer of its own. */
export const LEFT_UNREAD = Symbol('left unread');

/**
 * Charges for reading a large message, or one beyond what a full bucket pays for in a turn, or says why it is refused before it is read: reading it is most of what it costs,
 * and a client that has not enough left, or does not wait as it was told, would have everybody pay for that. A refused frame takes nothing
 * from the bucket, so a client whose frames cost more than is left would never have nothing. Too many frames in a turn
 * have one answer: none could name its frame, and printing costs as much as reading.
 */
export function chargeUnread(connection: Connection, size: number): Refusal | typeof LEFT_UNREAD | null {
  const { context, conduct } = connection;
  const { limits, turnGuard, readingTurns, counters } = context;
  if (conduct !== null) conduct.reading = 0;
  if (!limits.limitRates) return null;
  const waiting = readingTurns.countOf(connection);
  const isTooMany = waiting >= MIN_UNREAD || overruns(connection);
  if (size < LARGE_BYTES && !isTooMany) return null;
  if (isTooMany && turnGuard.isTold(connection)) {
    counters.rateLimited.add('connection');
    counters.errors.add('rate_limited');
    countRefused(connection, readingCost(size) + 1);
    return LEFT_UNREAD;
  }
  const reading = Math.min(readingCost(size), Math.max(0, mostOf(connection) - 1));
  // And one for the frame in it and for each that waits: they are paid when they are read.
  const refused = unaffordable(connection, reading + 1 + waiting);
  if (refused === null) {
    if (reading > 0) conductOf(connection).reading = reading;
    return chargeFrame(connection, reading);
  }
  countRefused(connection, reading + 1);
  counters.rateLimited.add('connection');
  if (isTooMany) turnGuard.tell(connection);
  return refused;
}

/** Why a message that would cost so much is not even read, or `null`. */
function unaffordable(connection: Connection, cost: number): Refusal | null {
  const { context, conduct, fullAt, usage } = connection;
  const { limits, users, clock } = context;
  const now = clock.elapsed();
  const isBroke =
    takeTokens(fullAt, limits.connectionRate, cost, now) === -1 ||
    takeTokens(usage.fullAt, users.rate, cost, now) === -1;
  const early = Math.ceil((conduct?.refusedUntil ?? 0) - now);
  if (!isBroke && early <= 0) return null;
  const wait = Math.max(early, waitFor(fullAt, limits.connectionRate, cost, now), users.wait(usage, cost, now));
  return rateLimited('connection', limits.connectionRate.perSecond, wait);
}

/** What was paid for reading the message that is read now, which waited since. */
export function paidForReading(connection: Connection, reading: number): void {
  if (connection.conduct !== null) connection.conduct.reading = reading;
}

/**
 * Charges for what a pattern cost the node beside its frame, which nobody knows before: the bucket may be overdrawn by it,
 * and what comes then is refused.
 */
export function chargeLooking(connection: Connection, names: number, matched: number): void {
  const { limits, users, clock } = connection.context;
  const cost = Math.floor(names / NAMES_PER_TOKEN) + Math.floor(matched / MATCHED_PER_TOKEN);
  if (!limits.limitRates || cost === 0) return;
  const now = clock.elapsed();
  connection.fullAt = oweTokens(connection.fullAt, limits.connectionRate, cost, now);
  users.owe(connection.usage, cost, now);
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
  return (connection.conduct ??= {
    strikesFullAt: 0,
    refused: 0,
    beat: 0,
    floodBeats: 0,
    pongBytes: 0,
    reading: 0,
    refusedUntil: 0,
  });
}

/** @param cost of what was refused: large messages are a flood sooner than small ones */
function countRefused(connection: Connection, cost = 1): void {
  const conduct = conductOf(connection);
  const { limits, node } = connection.context;
  if (conduct.beat !== node.beat) {
    const tooMany =
      conduct.refused > (FLOOD_FACTOR - 1) * limits.connectionRate.perSecond && conduct.beat === node.beat - 1;
    conduct.floodBeats = tooMany ? conduct.floodBeats + 1 : 0;
    conduct.refused = 0;
    conduct.beat = node.beat;
  }
  conduct.refused += cost;
  connection.usage.refused += 1;
  if (conduct.floodBeats < FLOOD_BEATS) return;
  connection.close('rate_limited', `more than ${FLOOD_FACTOR} times the allowed rate for ${FLOOD_BEATS} s`);
}
