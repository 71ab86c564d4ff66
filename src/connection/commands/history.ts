import { isRefusal } from '../../protocol/errors.ts';
import type { History, ReadRequest } from '../../broker/broker.ts';
import type { HistoryFrame } from '../../protocol/frames.ts';
import { PAGE_BYTES } from '../../protocol/limits.ts';
import type { Position } from '../../protocol/position.ts';
import type { Connection } from '../connection.ts';
import { pendingProblem, readProblem } from './checks.ts';
import { nodeName } from './names.ts';

/** `History` → one page of a topic's log as `Status history`. */
export function history(connection: Connection, frame: HistoryFrame): void {
  const { context, principal } = connection;
  const refused = readProblem(connection, frame.topic) ?? pendingProblem(connection);
  if (refused !== null) return connection.refuse(frame, refused);
  connection.isAsking = true;
  context.broker.read(nodeName(principal, frame.topic), pageRequest(frame), (answer) => {
    connection.cell.answer(() => {
      connection.isAsking = false;
      if (isRefusal(answer)) connection.refuse(frame, answer);
      else
        connection.replyPayload(
          frame,
          connection.codec.history(frame.id, { ...pageDetails(frame, answer) }, answer.publications),
        );
    }, frame);
  });
}

/** What the broker is asked for. */
export function pageRequest({ since, before, limit, reverse }: HistoryFrame): ReadRequest {
  return {
    after: since ?? 'earliest',
    ...(before === undefined ? {} : { before: before.sequence }),
    limit,
    maxBytes: PAGE_BYTES,
    reverse,
  };
}

export interface PageDetails {
  readonly topic: string;
  readonly complete: boolean;
  readonly reason?: string;
  /** The head of the topic. */
  readonly position: Position;
  readonly next?: Position;
}

/** What is said of a page beside its messages. */
export function pageDetails(
  frame: HistoryFrame,
  { epoch, top, first, after, lost, publications }: History,
): PageDetails {
  const complete = lost === null && (frame.since === undefined || first <= after + 1);
  const last = publications.at(-1)?.position;
  const end = frame.reverse ? first : Math.min(top, (frame.before?.sequence ?? top + 1) - 1);
  const hasMore = last !== undefined && last !== null && (frame.reverse ? last.sequence > end : last.sequence < end);
  return {
    topic: frame.topic,
    complete,
    ...(lost === null ? {} : { reason: lost }),
    position: { epoch, sequence: top },
    // For the next page: `since` going forward, `before` going back.
    ...(hasMore ? { next: last } : {}),
  };
}
