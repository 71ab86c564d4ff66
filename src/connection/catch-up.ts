/**
 * The one recovery path: a subscription that lags reads on after its last written message, page by page, from the tail
 * while that reaches back far enough, else from the broker's log, until it has caught up with what was routed. It is the
 * same after an overflow, a resume with a position, and a disturbed broker.
 */
import type { History, ReadRequest } from '../broker/broker.ts';
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import type { ClientFrame } from '../protocol/frames.ts';
import type { Publication } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { PreparedRange } from '../router/prepared-ranges.ts';
import { LAGGING, type Subscription } from '../router/subscription.ts';
import type { Connection } from './connection.ts';
import { sendRange, writeControl, writeGap } from './outbox.ts';

/** Takes the next step for a connection that has something to read: one page, or the request for one. */
export function readOn(connection: Connection): void {
  const { transport } = connection;
  if (transport === null || connection.isBlocked || connection.isReading) return;
  if (transport.buffered() > 0) {
    connection.setBlocked(true);
    return;
  }
  if (connection.missed !== null) {
    connection.missed.readOn();
    return;
  }
  const subscription = next(connection);
  if (subscription === null) return;
  const { topic, written } = subscription;
  if (written >= topic.routedHead) finish(connection, subscription);
  else if (written + 1 >= topic.tailFirst(connection.format)) pageFromTail(connection, subscription);
  else pageFromLog(connection, subscription);
}

/** Asks for a page of a log, one at a time for a connection. @param about the frame that asks, if there is one */
export function readLog(
  connection: Connection,
  topic: Topic,
  request: ReadRequest,
  about: ClientFrame | null,
  arrived: (answer: History | Refusal) => void,
): void {
  connection.isReading = true;
  connection.context.broker.read(topic, request, (answer) => {
    connection.cell.answer(() => {
      connection.isReading = false;
      arrived(answer);
    }, about);
  });
}

/** After a page went out: see whether the socket took it, and who is next. */
export function afterPage(connection: Connection): void {
  const { transport } = connection;
  if (transport === null) return;
  if (transport.buffered() > 0) connection.setBlocked(true);
  else if (connection.lagging !== null || connection.missed !== null) connection.scheduleRead();
}

/** Frames of publications that come from the log. */
export function replayedFrames(
  connection: Connection,
  publications: readonly Publication[],
  replyTo?: string,
): Uint8Array[] {
  const { codec } = connection;
  return publications.map((publication) => {
    const frame = codec.publication(publication);
    return codec.replayed(typeof frame === 'string' ? Buffer.from(frame) : frame, replyTo);
  });
}

/** The subscription whose turn it is; those that lag no longer leave the list. */
function next(connection: Connection): Subscription | null {
  const lagging = (connection.lagging ?? []).filter((subscription) => subscription.state === LAGGING);
  connection.lagging = lagging.length === 0 ? null : lagging;
  return lagging.find(({ holds }) => holds === 0) ?? null;
}

/** Round robin: a subscription that has had a page goes to the end. */
function rotate(connection: Connection, subscription: Subscription): void {
  const lagging = (connection.lagging ?? []).filter((other) => other !== subscription);
  lagging.push(subscription);
  connection.lagging = lagging;
}

function finish(connection: Connection, subscription: Subscription): void {
  const before = subscription.deferred;
  subscription.endLag();
  connection.context.counters.deferred += subscription.deferred - before;
  connection.lagging = (connection.lagging ?? []).filter((other) => other !== subscription);
  if (connection.lagging.length === 0) connection.lagging = null;
  else connection.scheduleRead();
}

function pageFromTail(connection: Connection, subscription: Subscription): void {
  const { topic, written } = subscription;
  const { pageMessages, pageBytes } = connection.context.limits;
  const page = topic.preparePage(connection.format, written, { messages: pageMessages, bytes: pageBytes });
  topic.trace?.ended(written, page.to, connection, 'replayed');
  writePage(connection, subscription, page);
}

function pageFromLog(connection: Connection, subscription: Subscription): void {
  const { topic, written } = subscription;
  // A trace names every recipient of a message, which the frames alone do not tell.
  const page = topic.trace === null ? connection.context.router.pages.find(topic, connection.format, written) : null;
  if (page === null || page.to > topic.routedHead) askForPage(connection, subscription);
  else writePage(connection, subscription, page);
}

/** Pages end at multiples of their length, so that those who read at about the same place read the same ones. */
function askForPage(connection: Connection, subscription: Subscription): void {
  const { topic, generation, written } = subscription;
  const { epochNumber } = topic;
  const { pageMessages, pageBytes } = connection.context.limits;
  const request = {
    after: { epoch: topic.epoch, sequence: written },
    limit: pageMessages - (written % pageMessages),
    maxBytes: pageBytes,
  };
  readLog(connection, topic.name, request, null, (answer) => {
    const isStale =
      subscription.generation !== generation || subscription.state !== LAGGING || topic.epochNumber !== epochNumber;
    if (isStale) connection.scheduleRead();
    else if (isRefusal(answer))
      connection.context.log.debug('Log not readable, will try again', {
        connection_id: connection.id,
        topic: topic.name,
        reason: answer.reason,
      });
    else pageArrived(connection, subscription, answer);
  });
}

function pageArrived(connection: Connection, subscription: Subscription, history: History): void {
  const { topic } = subscription;
  const { router } = connection.context;
  router.heard(topic, history.epoch, history.epochFirst, history.top);
  if (topic.epoch !== history.epoch || subscription.state !== LAGGING || subscription.gap?.cause === 'history_lost')
    return connection.scheduleRead();
  if (connection.transport === null) return;
  if (connection.isBlocked || connection.transport.buffered() > 0) {
    // Not kept for later: it will be read again when there is room, and so costs no memory until then.
    connection.setBlocked(true);
    return;
  }
  if (history.lost !== null) {
    topic.trace?.ended(subscription.written, history.after, connection, 'gap', 'history_lost');
    subscription.startAt(history.after, LAGGING);
    subscription.openGap({ cause: 'history_lost', epoch: history.epoch, sequence: history.after });
    // Reading goes on once the loss has been written.
    return connection.announced(subscription);
  }
  const skipped = skipLost(connection, subscription, history);
  const page = history.publications.filter(
    ({ position }) =>
      position !== null && position.sequence > subscription.written && position.sequence <= topic.routedHead,
  );
  const frames = replayedFrames(connection, page);
  const to = page.at(-1)?.position?.sequence ?? subscription.written;
  // The log gives less than was routed: it is behind for now. The next beat asks again.
  if (!skipped && frames.length === 0) return;
  topic.trace?.replayed(page, connection);
  const range = { after: subscription.written, to, replayed: true, frames, batch: null };
  // Else it ends where it ends for now, begins behind a hole, or is empty after one.
  const isWhole = frames.length > 0 && frames.length === to - range.after && to < topic.routedHead;
  if (isWhole) router.pages.add(topic, connection.format, range);
  writePage(connection, subscription, range);
}

/** Announces once what the log no longer has, and skips it. */
function skipLost(connection: Connection, subscription: Subscription, history: History): boolean {
  const { topic, written } = subscription;
  const to = Math.min(history.first - 1, topic.routedHead);
  if (to <= written) return false;
  const cause = subscription.overflowed ? 'overflow' : 'trimmed';
  subscription.openGap({ cause, epoch: topic.epoch, from: written + 1, to });
  topic.trace?.ended(written, to, connection, 'gap', cause);
  subscription.lose(to);
  return true;
}

/** Announces what is lost, sends the page, and sees who is next. */
function writePage(connection: Connection, subscription: Subscription, page: PreparedRange): void {
  const { counters } = connection.context;
  const count = page.to - subscription.written;
  // The books first: a socket that breaks while it is written to ends the subscription before the send returns.
  subscription.replay(page.to);
  counters.replayed += count;
  for (const frame of page.frames) counters.sentBytes += frame.byteLength;
  if (page.to >= subscription.topic.routedHead) finish(connection, subscription);
  else rotate(connection, subscription);
  connection.transport?.cork(() => {
    writeControl(connection);
    writeGap(connection, subscription);
    sendRange(connection, page);
  });
  afterPage(connection);
}
