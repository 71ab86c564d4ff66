/** Writes what waits for a connection: first the control lane, then ranges of tails, while the socket has room. */
import { PAGE_BYTES } from '../protocol/limits.ts';
import type { Payload } from '../protocol/codec.ts';
import type { PreparedRange, WriteShape } from '../router/prepared-ranges.ts';
import { LIVE, type Subscription } from '../router/subscription.ts';
import type { Connection } from './connection.ts';
import { noteControl, notePublications } from './frame-log.ts';
import { countOut } from './mailbox-sums.ts';
import { giveUpLost, leftTheTail } from './overflow.ts';
import { gapFrame } from './replies.ts';
import { CORK_BYTES } from './transport.ts';
import { dequeue, rotate } from './waiting-list.ts';

/** Answers that are written together at most: far fewer than the control lane holds. */
const GATHERED = 16;
/** One batch: its bytes are bounded like a page. */
const BATCH: WriteShape = { isBatch: true, messages: 1_024, bytes: PAGE_BYTES };
const MAX_SINGLES = 96;
/** A WebSocket header of a message that fits into a cork (RFC 6455 section 5.2). */
const HEADER_BYTES = 4;
/**
 * Single messages that leave the cork in one write. One byte more, and the library copies all of it to the heap first
 * and then writes twice, which was 8 % of the CPU in W1; the rest of a longer queue goes out after the next routing.
 */
const SINGLES: WriteShape = {
  isBatch: false,
  messages: MAX_SINGLES,
  bytes: CORK_BYTES - 1 - MAX_SINGLES * HEADER_BYTES,
};

/**
 * Writes as much as one flush may: to be called inside a cork.
 * @returns whether something is left that could be written at once
 */
export function writeOut(connection: Connection): boolean {
  writeControl(connection);
  let budget = shapeOf(connection).bytes;
  let isMore = false;
  let previous: Subscription | null = null;
  /** The last one that had a turn and has something left. */
  let served: Subscription | null = null;
  let subscription = connection.firstWaiting;
  while (subscription !== null) {
    const isServed = budget > 0;
    if (isServed && subscription.holds === 0) budget -= writeSubscription(connection, subscription, budget);
    // A socket can break while it is written to; then the subscriptions are gone with it.
    if (connection.transport === null) return false;
    const next: Subscription | null = subscription.nextWaiting;
    if (subscription.queued > 0 || subscription.gap !== null) {
      previous = subscription;
      if (isServed) served = subscription;
      if (subscription.holds === 0) isMore = true;
    } else dequeue(connection, subscription, previous);
    subscription = next;
  }
  if (served !== null) rotate(connection, served);
  return isMore;
}

/**
 * Writes a publication of this turn past the queue to the only subscriber of its topic, who has all that came before it.
 * To be called inside a cork.
 * @returns whether it did
 */
export function writeToOnly(connection: Connection, subscription: Subscription): boolean {
  const { topic } = subscription;
  const { codec, context, transport } = connection;
  if (subscription.written !== topic.routedHead || subscription.gap !== null) return false;
  const frame = topic.takeOnly(codec);
  if (frame === null) return false;
  context.counters.publishToWrite.observe(0);
  context.counters.sentBytes += frame.byteLength;
  notePublications(connection, topic.clientName, 1, frame);
  // The books first: a socket that breaks while it is written to ends the subscription before the send returns.
  subscription.wrote(topic.head);
  transport?.send(frame, codec.binary);
  return true;
}

/** Writes an announcement, out of the way of nothing: its place in the topic's order is now. */
export function writeGap(connection: Connection, subscription: Subscription): void {
  const gap = subscription.takeGap();
  if (gap === null) return;
  connection.context.counters.gaps.add(gap.cause);
  const payload = connection.codec.encode(gapFrame(subscription.topic.clientName, gap));
  noteControl(connection, 'Gap', undefined, payload);
  connection.transport?.send(payload, connection.codec.binary);
}

/**
 * Sends the frames of a range, as one message for a client that takes batches.
 * @param topic as the client calls it; `null` where they are of several
 */
export function sendRange(connection: Connection, range: PreparedRange, topic: string | null): void {
  const { transport, codec } = connection;
  const { frames } = range;
  if (transport === null) return;
  notePublications(connection, topic, frames.length, frames);
  if (connection.batching && frames.length > 1) {
    transport.send((range.batch ??= codec.join(frames)), codec.binary);
    return;
  }
  for (const frame of frames) {
    transport.send(frame, codec.binary);
    // It broke while it was written to.
    if (connection.transport === null) return;
  }
}

/**
 * Has an answer wait for the end of the turn, when the socket has nothing to send: with the answers and publications that come
 * meanwhile it is one write.
 * @returns false when it is to be sent like all others: the lane is for what the socket has no room for
 */
export function gather(connection: Connection, payload: Payload): boolean {
  const { transport, context } = connection;
  if (transport === null || connection.lifecycle === 'closing') return false;
  if (connection.control === null) {
    if (connection.isBlocked || transport.buffered() > 0) return false;
  } else if (connection.control.length >= Math.min(GATHERED, context.limits.controlCapacity / 2)) {
    context.flusher.flush(connection);
  }
  connection.sendInTurn(payload);
  return true;
}

/** Writes the control lane, which goes before everything else that is written. */
export function writeControl(connection: Connection): void {
  const { control, codec } = connection;
  if (control === null) return;
  // Asked for anew each time: a socket can break while it is written to.
  for (let payload = control.take(); payload !== undefined; payload = control.take()) {
    connection.context.counters.sentBytes += payload.length;
    connection.transport?.send(payload, codec.binary);
  }
  connection.control = null;
}

function shapeOf({ batching }: Connection): WriteShape {
  return batching ? BATCH : SINGLES;
}

/** @returns the bytes written */
function writeSubscription(connection: Connection, subscription: Subscription, budget: number): number {
  if (leftTheTail(subscription)) giveUpLost(connection, subscription);
  writeGap(connection, subscription);
  if (subscription.state !== LIVE || subscription.queued <= 0) return 0;
  const { topic, written } = subscription;
  const { codec, context } = connection;
  const range = topic.prepareLive(codec, shapeOf(connection), written, budget);
  const { to, bytes } = range;
  context.counters.publishToWrite.observe((context.flusher.sliceStart - range.arrivedAt) / 1_000);
  const count = to - written;
  // The books first: a socket that breaks while it is written to ends the subscription before the send returns.
  subscription.wrote(to);
  countOut(connection, subscription, count, bytes);
  context.counters.sentBytes += bytes;
  topic.trace?.ended(written, to, connection, 'written');
  sendRange(connection, range, topic.clientName);
  return bytes;
}
