/** Reads on past the end of a log into what the topic's owner keeps, under the same sequences. */
import { isRefusal } from '../protocol/errors.ts';
import type { Publication } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { History, HistorySource, ReadRequest, Reply } from './broker.ts';

/**
 * Completes a page of the log with the owner's older messages, when the request starts before the log does. A source
 * that fails leaves the log's own answer: what it cannot give is then announced as trimmed.
 */
export function readThrough(
  source: HistorySource,
  topic: Topic,
  request: ReadRequest,
  log: History,
  reply: Reply<History>,
): void {
  if (request.reverse === true) return readOlder(source, topic, request, log, reply);
  const before = Math.min(log.first, request.before ?? log.first);
  const start = request.after === 'earliest' ? 0 : log.after;
  const startsInLog =
    start + 1 >= before || log.lost !== null || (typeof request.after === 'object' && 'since' in request.after);
  if (startsInLog) return reply(log);
  source.read(topic, start, before, request.limit, (older) => {
    if (isRefusal(older)) return reply(log);
    const publications = fit([...older.publications, ...log.publications], start, request);
    const after = request.after === 'earliest' ? older.first - 1 : log.after;
    reply({ ...log, first: Math.min(older.first, log.first), after, publications });
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
  const low = Math.max(log.after, before - 1 - missing, 0);
  if (missing <= 0 || before > log.first || low + 1 >= before) return reply(log);
  source.read(topic, low, before, missing, (older) => {
    if (isRefusal(older)) return reply(log);
    reply({
      ...log,
      first: Math.min(older.first, log.first),
      publications: [...log.publications, ...older.publications.toReversed()],
    });
  });
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
