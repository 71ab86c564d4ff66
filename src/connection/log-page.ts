/**
 * A connection's way through a log, page by page: for subscriptions that lag and for `GetMissedMessages`. One page is
 * asked for at a time, and none is kept: what the socket has no room for is read again, and so costs no memory until then.
 */
import type { History, ReadRequest } from '../broker/broker.ts';
import type { Refusal } from '../protocol/errors.ts';
import type { ClientFrame } from '../protocol/frames.ts';
import type { Publication } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import { readAllowed } from '../service/readable.ts';
import type { PreparedRange } from '../router/prepared-ranges.ts';
import type { Subscription } from '../router/subscription.ts';
import type { Connection } from './connection.ts';
import { sendRange, writeControl, writeGap } from './outbox.ts';

/** @param frame the frame that it is for, in case taking the page fails */
export function askForPage(
  connection: Connection,
  topic: Topic,
  request: ReadRequest,
  frame: ClientFrame | null,
  arrived: (page: History | Refusal) => void,
): void {
  const { context, principal } = connection;
  const answered = (page: History | Refusal): void => {
    connection.cell.answer(() => {
      connection.isReading = false;
      arrived(page);
    }, frame);
  };
  connection.isReading = true;
  // A subscription stands where its owner has let it begin.
  if (frame === null) context.broker.read(topic, request, answered);
  else readAllowed(context, principal, topic, request, answered);
}

/** Whether a page that has arrived can be written. If not, reading goes on when the socket has drained. */
export function hasRoom(connection: Connection): boolean {
  const { transport } = connection;
  if (transport === null) return false;
  if (!connection.isBlocked && transport.buffered() === 0) return true;
  connection.setBlocked(true);
  return false;
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

/**
 * Writes a page, behind the replies that wait.
 * @param count messages in it
 * @param subscription whose loss is announced before it; `null` for pages outside the order of delivery
 */
export function writePage(
  connection: Connection,
  page: PreparedRange,
  count: number,
  subscription: Subscription | null,
): void {
  const { counters } = connection.context;
  counters.replayed += count;
  for (const frame of page.frames) counters.sentBytes += frame.byteLength;
  connection.transport?.cork(() => {
    writeControl(connection);
    if (subscription !== null) writeGap(connection, subscription);
    sendRange(connection, page, subscription?.topic.clientName ?? null);
  });
  afterPage(connection);
}

/** After a page: see whether the socket took it, and who is next. */
export function afterPage(connection: Connection): void {
  const { transport } = connection;
  if (transport === null) return;
  if (transport.buffered() > 0) connection.setBlocked(true);
  else if (connection.lagging !== null || connection.missed !== null) connection.scheduleRead();
}
