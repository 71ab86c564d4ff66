/**
 * The one recovery path: a subscription that lags reads on after its last written message, page by page, from the tail
 * while that reaches back far enough, else from the broker's log, until it has caught up with what was routed. It is the
 * same after an overflow, a resume with a position, and a disturbed broker.
 */
import { isRefusal } from '../protocol/errors.ts';
import type { History } from '../broker/broker.ts';
import type { PreparedRange } from '../router/prepared-ranges.ts';
import { LAGGING, type Subscription } from '../router/subscription.ts';
import type { Connection } from './connection.ts';
import { askForPage, hasRoom, replayedFrames, writePage } from './log-page.ts';

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
  else if (topic.isConflated) pageOfNewest(connection, subscription);
  else if (written + 1 >= topic.tailFirst(connection.codec)) pageFromTail(connection, subscription);
  else pageFromLog(connection, subscription);
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

/** Of a topic without a log: the newest of each key; the rest is counted, and announced before them. */
function pageOfNewest(connection: Connection, subscription: Subscription): void {
  const { topic, written } = subscription;
  const { pageMessages, pageBytes } = connection.context.limits;
  const limits = { messages: pageMessages, bytes: pageBytes };
  const page = topic.newest?.page(connection.codec, written, topic.routedHead, limits);
  if (page === undefined) return;
  const { frames, to } = page;
  subscription.thin(to, frames.length);
  passOn(connection, subscription, { after: written, to, replayed: false, frames, batch: null }, frames.length);
}

function pageFromTail(connection: Connection, subscription: Subscription): void {
  const { topic, written } = subscription;
  const { pageMessages, pageBytes } = connection.context.limits;
  const page = topic.preparePage(connection.codec, written, { messages: pageMessages, bytes: pageBytes });
  topic.trace?.ended(written, page.to, connection, 'replayed');
  deliver(connection, subscription, page);
}

function pageFromLog(connection: Connection, subscription: Subscription): void {
  const { topic, written } = subscription;
  // A trace names every recipient of a message, which the frames alone do not tell.
  const page = topic.trace === null ? connection.context.router.pages.find(topic, connection.codec, written) : null;
  if (page === null || page.to > topic.routedHead) readLog(connection, subscription);
  else deliver(connection, subscription, page);
}

/** Pages end at multiples of their length, so that those who read at about the same place read the same ones. */
function readLog(connection: Connection, subscription: Subscription): void {
  const { topic, generation, written } = subscription;
  const { epochNumber, withdrawals } = topic;
  const { pageMessages, pageBytes } = connection.context.limits;
  const after = { epoch: topic.epoch, sequence: written };
  const request = { after, limit: pageMessages - (written % pageMessages), maxBytes: pageBytes };
  askForPage(connection, topic.name, request, null, (page) => {
    const isStale = topic.epochNumber !== epochNumber || topic.withdrawals !== withdrawals;
    if (isStale || subscription.generation !== generation || subscription.state !== LAGGING) connection.scheduleRead();
    else if (isRefusal(page))
      connection.context.log.debug('Log not readable, will try again', {
        connection_id: connection.id,
        topic: topic.name,
        reason: page.reason,
      });
    else pageArrived(connection, subscription, page);
  });
}

function pageArrived(connection: Connection, subscription: Subscription, history: History): void {
  const { topic } = subscription;
  const { router } = connection.context;
  router.heard(topic, history.epoch, history.epochFirst, history.top);
  if (topic.epoch !== history.epoch || subscription.state !== LAGGING || subscription.gap?.cause === 'history_lost')
    return connection.scheduleRead();
  if (!hasRoom(connection)) return;
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
  if (isWhole) router.pages.add(topic, connection.codec, range);
  deliver(connection, subscription, range);
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
function deliver(connection: Connection, subscription: Subscription, page: PreparedRange): void {
  const count = page.to - subscription.written;
  // The books first: a socket that breaks while it is written to ends the subscription before the send returns.
  subscription.replay(page.to);
  passOn(connection, subscription, page, count);
}

/** Sends a page that is in the books. */
function passOn(connection: Connection, subscription: Subscription, page: PreparedRange, count: number): void {
  if (page.to >= subscription.topic.routedHead) finish(connection, subscription);
  else rotate(connection, subscription);
  writePage(connection, page, count, subscription);
}
