/** Reads on past the end of a log into what the topic's owner keeps, under the same sequences. */
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import type { Position, Publication } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { BrokerListener, History, HistorySource, ReadRequest, Reply, Retained } from './broker.ts';
import { beginsBefore, startSince } from './history-since.ts';

/** Where the topic of a log without messages stands at its owner, or `null`. */
function headOf(source: HistorySource, topic: Topic, reply: (head: Position | null) => void): void {
  source.read(topic, 0, 1, 0, (answer) => reply(isRefusal(answer) ? null : (answer.head ?? null)));
}

/** A topic whose log is new, or was lost, is where its owner is: those that listen now go on from there. */
export function retainedAt(source: HistorySource, topic: Topic, retained: Retained, reply: Reply<Retained>): void {
  if (retained.position === null || retained.position.sequence > 0) return reply(retained);
  headOf(source, topic, (head) => reply(head === null ? retained : { ...retained, position: head }));
}

/**
 * A log has begun anew, because it was lost: its topic still stands where its owner is, and then nothing of it was lost.
 * Its followers go on within the owner's numbers.
 */
export function beganAnew(
  source: HistorySource,
  topic: Topic,
  told: Pick<BrokerListener, 'epochChanged' | 'renumbered'> | null,
  epoch: string,
): void {
  headOf(source, topic, (head) =>
    head === null ? told?.epochChanged(topic, epoch, 1) : told?.renumbered(topic, head, true),
  );
}

/** The same for its readers: the page of a log that stands where the owner does, and has nothing itself. */
function standingAt(head: Position, { after }: ReadRequest): History {
  const { epoch, sequence } = head;
  const log = { epoch, epochFirst: 1, top: sequence, first: sequence + 1, after: sequence, publications: [] };
  if (after === 'earliest' || 'since' in after) return { ...log, lost: null };
  if (after.epoch !== epoch) return { ...log, after: 0, lost: 'unknown_epoch' };
  if (after.sequence > sequence) return { ...log, after: 0, lost: 'history_lost' };
  return { ...log, after: after.sequence, lost: null };
}

/** Reads a log and what its owner keeps as one, also when the log is new, or was lost. */
export function readThrough(
  source: HistorySource,
  topic: Topic,
  request: ReadRequest,
  log: History,
  reply: Reply<History>,
): void {
  if (log.top > 0 && beginsBefore(request, log)) return readSince(source, topic, request, log, reply);
  const start = startBeyond(request, log);
  if (start !== null) return readAhead(source, topic, request, log, start, reply);
  if (log.top > 0) return readOn(source, topic, request, log, reply);
  headOf(source, topic, (head) =>
    head === null ? reply(log) : readOn(source, topic, request, standingAt(head, request), reply),
  );
}

/**
 * Where a reader goes on that stands at the end of a log, or beyond it because the owner has given it more, and asks for
 * more; `null` for all others. Readers at their topic's head do not ask.
 */
function startBeyond(
  { limit, reverse, after }: ReadRequest,
  { epoch, top, lost, after: start }: History,
): number | null {
  if (top === 0 || reverse === true || typeof after !== 'object') return null;
  if (lost === null) return limit > 0 && start >= top ? start : null;
  return 'epoch' in after && after.epoch === epoch && after.sequence > top ? after.sequence : null;
}

/**
 * The owner may have stored messages that the log was not given yet: the node that stores them appends them, and may fail
 * before it does. A reader that waited for the log would wait until somebody publishes again.
 * @param start what the reader has
 */
function readAhead(
  source: HistorySource,
  topic: Topic,
  request: ReadRequest,
  log: History,
  start: number,
  reply: Reply<History>,
): void {
  const before = Math.min(request.before ?? Infinity, start + request.limit + 1);
  if (start + 1 >= before && log.lost === null) return reply(log);
  source.read(topic, start, before, request.limit, (newer) => {
    if (isRefusal(newer) || newer.head?.epoch !== log.epoch || newer.head.sequence < start) return reply(log);
    const publications = fit(newer.publications, start, request);
    reply({ ...log, top: Math.max(log.top, newer.head.sequence), after: start, lost: null, publications });
  });
}

/**
 * Completes a page of the log with the owner's older messages, when the request starts before the log does.
 */
function readOn(source: HistorySource, topic: Topic, request: ReadRequest, log: History, reply: Reply<History>): void {
  if (beginsBefore(request, log)) return readSince(source, topic, request, log, reply);
  if (request.reverse === true) return readOlder(source, topic, request, log, reply);
  const before = Math.min(log.first, request.before ?? log.first);
  const start = request.after === 'earliest' ? 0 : log.after;
  const startsInLog =
    start + 1 >= before || log.lost !== null || (typeof request.after === 'object' && 'since' in request.after);
  if (startsInLog) return reply(log);
  source.read(topic, start, before, request.limit, (older) => {
    if (isRefusal(older)) return reply(withoutOwner(request, log, older));
    const publications = fit([...older.publications, ...log.publications], start, request);
    const after = request.after === 'earliest' ? older.first - 1 : log.after;
    reply({ ...log, first: Math.min(older.first, log.first), after, publications });
  });
}

/** An owner that does not say where the time begins is no reason to leave out its messages in silence. */
function readSince(
  source: HistorySource,
  topic: Topic,
  request: ReadRequest,
  log: History,
  reply: Reply<History>,
): void {
  const { since } = request.after as { readonly since: number };
  startSince(source, topic, since, log.first, (start) => {
    if (isRefusal(start)) return reply(start);
    const after = { epoch: log.epoch, sequence: start.after };
    readThrough(source, topic, { ...request, after }, { ...log, after: start.after }, reply);
  });
}

function readOlder(
  source: HistorySource,
  topic: Topic,
  request: ReadRequest,
  log: History,
  reply: Reply<History>,
): void {
  const missing = request.limit - log.publications.length;
  const before = log.publications.at(-1)?.position?.sequence ?? Math.min(log.first, request.before ?? log.first);
  const start = request.after === 'earliest' ? 0 : log.after;
  const low = Math.max(start, before - 1 - missing, 0);
  if (missing <= 0 || before > log.first || low + 1 >= before) return reply(log);
  source.read(topic, low, before, missing, (older) => {
    if (isRefusal(older)) return reply(withoutOwner(request, log, older));
    reply({
      ...log,
      first: Math.min(older.first, log.first),
      publications: [...log.publications, ...older.publications.toReversed()],
    });
  });
}

/**
 * The log's own answer to readers that say what they have: what the log cannot give is then announced as trimmed. Those that ask
 * for all there is, or for a page older than the log, would take it for everything, and are refused.
 */
function withoutOwner({ after, limit, reverse }: ReadRequest, log: History, refused: Refusal): History | Refusal {
  const isAll = reverse === true ? log.publications.length === 0 : after === 'earliest';
  return limit > 0 && isAll ? refused : log;
}

/** The consecutive run at the start of the page, within the request's limits: a hole in the source ends the page. */
function fit(publications: readonly Publication[], after: number, { limit, maxBytes }: ReadRequest): Publication[] {
  const page: Publication[] = [];
  let bytes = 0;
  for (const publication of publications) {
    const previous = page.at(-1)?.position?.sequence ?? Math.max(after, (publication.position?.sequence ?? 1) - 1);
    bytes += publication.payload.length;
    const full = page.length >= limit || (bytes > maxBytes && page.length > 0);
    if (full || publication.position?.sequence !== previous + 1) break;
    page.push(publication);
  }
  return page;
}
