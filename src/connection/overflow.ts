/**
 * The part that gives way when a mailbox is full (docs/protocol.md, "Overflow, lag and replay are one path"): the oldest entry.
 * A logged topic then leaves the mailbox as a whole and goes on from its log; keeping its younger entries queued would
 * deliver them out of order. Of an ephemeral topic only that entry goes, and is counted into an open gap; a
 * conflated one leaves the mailbox like a logged one, and goes on with the newest of each key.
 */
import { JOINING, LAGGING, LIVE, type Subscription } from '../router/subscription.ts';
import type { Connection } from './connection.ts';
import { countOut } from './mailbox-sums.ts';
import { waiting } from './waiting-list.ts';

export function isFull({ queuedCount, queuedBytes, context: { limits } }: Connection): boolean {
  return queuedCount > limits.mailboxCapacity || queuedBytes > limits.mailboxBytes;
}

/** What a full mailbox does: it is written while the socket takes something, and then the oldest entries give way. */
export function makeRoom(connection: Connection): void {
  let left = Infinity;
  // One flush is one write, which can be much less than a mailbox.
  while (isFull(connection) && !connection.isBlocked && connection.queuedCount < left) {
    left = connection.queuedCount;
    connection.context.flusher.flush(connection);
  }
  enforceBounds(connection);
}

/** Makes the oldest entries give way until the mailbox is within its bounds. */
export function enforceBounds(connection: Connection): void {
  while (isFull(connection)) {
    const oldest = findOldest(connection);
    if (oldest === null) return;
    giveWay(connection, oldest);
  }
}

/** Empties the mailbox of everything that the logs can give back: this connection was the fattest when the node had too much. */
export function lagFattest(connection: Connection): void {
  for (const subscription of waiting(connection)) {
    if (subscription.state === LIVE && subscription.queued > 0) giveWay(connection, subscription, subscription.queued);
  }
}

/** The subscription goes on from the log. @param overflowed the mailbox was full, as opposed to a hole upstream */
export function fallBehind(subscription: Subscription, connection: Connection, overflowed: boolean): void {
  if (keepsNothing(subscription)) {
    // There is no log to go on from: what is queued is lost, and said to be.
    if (subscription.queued > 0) displaceEphemeral(connection, subscription, subscription.queued);
    return;
  }
  const { topic, written, state } = subscription;
  unqueue(connection, subscription);
  if (topic.trace !== null && state === LIVE && !topic.isEphemeral)
    topic.trace.ended(written, topic.routedHead, connection, 'displaced', overflowed ? 'mailbox_full' : 'hole');
  subscription.beginLag(overflowed);
  connection.lag(subscription);
}

/** Takes everything queued for a subscription out of the mailbox's count. */
export function unqueue(connection: Connection, subscription: Subscription): void {
  countOut(connection, subscription, subscription.queued, subscription.queuedBytes);
}

/** Notices that the tail has moved past what is queued: then it can no longer be written from there. */
export function leftTheTail(subscription: Subscription): boolean {
  return (
    subscription.state === LIVE &&
    subscription.queued > 0 &&
    subscription.written + 1 < subscription.topic.tailFirst(subscription.owner.codec)
  );
}

/** Gives up what has left the tail. */
export function giveUpLost(connection: Connection, subscription: Subscription): void {
  const { topic, written } = subscription;
  if (keepsNothing(subscription))
    displaceEphemeral(connection, subscription, topic.tailFirst(connection.codec) - 1 - written);
  else overflow(connection, subscription);
}

function giveWay(connection: Connection, subscription: Subscription, count = 1): void {
  if (leftTheTail(subscription)) giveUpLost(connection, subscription);
  else if (keepsNothing(subscription)) displaceEphemeral(connection, subscription, count);
  else overflow(connection, subscription);
}

/** Its entries leave the mailbox: what is kept of them is read when the socket has room. */
export function overflow(connection: Connection, subscription: Subscription): void {
  connection.context.counters.displaced += subscription.queued;
  fallBehind(subscription, connection, true);
}

/** There is no log, and no newest of each key either. */
function keepsNothing({ topic }: Subscription): boolean {
  return topic.isEphemeral && !topic.isConflated;
}

function displaceEphemeral(connection: Connection, subscription: Subscription, count: number): void {
  const { topic } = subscription;
  const left = topic.bytesBetween(connection.codec, subscription.written + count, topic.routedHead);
  countOut(connection, subscription, count, subscription.queuedBytes - left);
  subscription.displace(count);
  connection.context.counters.displaced += count;
  subscription.miss(count);
}

function findOldest(connection: Connection): Subscription | null {
  let oldest: Subscription | null = null;
  let since = Infinity;
  for (const subscription of waiting(connection)) {
    if (subscription.state === JOINING || subscription.state === LAGGING || subscription.queued <= 0) continue;
    if (leftTheTail(subscription)) return subscription;
    const at = subscription.topic.arrivedAt(connection.codec, subscription.written + 1);
    if (at < since) {
      since = at;
      oldest = subscription;
    }
  }
  return oldest;
}
