/** A page of a topic's log, and where the topic stands: what both edges ask the broker, and what they say of its answer. */
import type { Principal } from '../auth/principal.ts';
import type { History, ReadRequest, Reply } from '../broker/broker.ts';
import type { HistoryFrame } from '../protocol/frames.ts';
import { isRefusal } from '../protocol/errors.ts';
import { PAGE_BYTES } from '../protocol/limits.ts';
import type { Position, Publication } from '../protocol/position.ts';
import type { ServiceContext } from './context.ts';
import { nodeName } from './names.ts';
import { readAllowed } from './readable.ts';

interface PageDetails {
  readonly topic: string;
  readonly complete: boolean;
  readonly reason?: string;
  /** The head of the topic. */
  readonly position: Position;
  readonly next?: Position;
}

export interface HistoryPage {
  readonly details: PageDetails;
  readonly publications: readonly Publication[];
}

/** Reads a page. The caller has made sure that the principal may. */
export function readPage(
  context: ServiceContext,
  principal: Principal,
  frame: HistoryFrame,
  reply: Reply<HistoryPage>,
): void {
  readAllowed(context, principal, nodeName(principal, frame.topic), pageRequest(frame), (answer) =>
    reply(isRefusal(answer) ? answer : { details: pageDetails(frame, answer), publications: answer.publications }),
  );
}

/** Where a topic's head is, and the oldest sequence that can be read. The caller has made sure that the principal may. */
export function readPosition(
  context: ServiceContext,
  principal: Principal,
  topic: string,
  reply: Reply<{ readonly position: Position; readonly first: number }>,
): void {
  const request = { after: 'earliest', limit: 0, maxBytes: 0 } as const;
  readAllowed(context, principal, nodeName(principal, topic), request, (answer) => {
    if (isRefusal(answer)) return reply(answer);
    const { epoch, top, first } = answer;
    reply({ position: { epoch, sequence: top }, first });
  });
}

function pageRequest({ since, before, limit, reverse }: HistoryFrame): ReadRequest {
  return {
    after: since ?? 'earliest',
    ...(before === undefined ? {} : { before: before.sequence }),
    limit,
    maxBytes: PAGE_BYTES,
    reverse,
  };
}

function pageDetails(frame: HistoryFrame, { epoch, top, first, after, lost, publications }: History): PageDetails {
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
