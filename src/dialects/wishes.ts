/** What a client without WebSocket wants to hear: topics, where to begin, and what else its request says. Pure. */
import { quote, refusal, type Refusal } from '../protocol/errors.ts';
import type { SubscribeEntry, SubscribeFrame } from '../protocol/frames.ts';
import { readFrame } from '../protocol/guard.ts';
import { looksLikePattern } from '../protocol/topic.ts';
import { digestOf, readCursor } from './cursor.ts';

/** The id of the frame that subscribes, by which its answer is known. */
export const FIRST_FRAME = 'subscribe';

export interface Wishes {
  readonly entries: readonly SubscribeEntry[];
  /** As the client handed it back; `null` when there is none. */
  readonly cursor: string | null;
  /** A comment of 2 KiB at the beginning, for proxies that hold the first bytes back. */
  readonly isPadded: boolean;
}

/** Of `GET /sse`. */
export function wishesOfQuery(query: URLSearchParams): Wishes | Refusal {
  const names = (query.get('topics') ?? '').split(',').filter((name) => name !== '');
  const from = query.get('from');
  if (from !== null && from !== 'earliest' && from !== 'latest')
    return refusal('invalid_field', `from: expected earliest or latest, got ${quote(from)}`);
  return {
    entries: names.map((topic) => (from === null ? { topic } : { topic, from })),
    cursor: query.get('cursor'),
    isPadded: query.get('pad') === '1',
  };
}

/** Of a body: `topics` as in a `Subscribe`. */
export function wishesOfBody(
  value: unknown,
): (Wishes & { readonly fields: Readonly<Record<string, unknown>> }) | Refusal {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refusal('malformed', 'expected a JSON object with topics');
  const fields = value as Readonly<Record<string, unknown>>;
  const { topics, cursor, pad } = fields;
  if (cursor !== undefined && cursor !== null && typeof cursor !== 'string')
    return refusal('invalid_field', 'cursor: expected the text of an event id');
  const read = readFrame({ type: 'Subscribe', data: { topics } }, JSON.stringify);
  if (read.type === 'rejected') return read.refusal;
  return { entries: (read as SubscribeFrame).topics, cursor: cursor ?? null, isPadded: pad === true, fields };
}

/** The topics of a stream or a poll, sorted: what its cursors list. */
export interface Plan {
  readonly names: readonly string[];
  readonly digest: string;
  /** Those that the client has not asked for itself. */
  readonly given: ReadonlySet<string>;
  readonly frame: SubscribeFrame;
}

/**
 * @param more topics that the client is subscribed to beside its wishes
 * @returns what to subscribe to, or why not
 */
export function planOf({ entries, cursor }: Wishes, more: readonly string[], maxTopics: number): Plan | Refusal {
  const byName = new Map<string, SubscribeEntry>();
  const given = new Set(more.filter((topic) => !looksLikePattern(topic)));
  for (const topic of given) byName.set(topic, { topic });
  for (const entry of entries) {
    byName.set(entry.topic, entry);
    given.delete(entry.topic);
  }
  const names = [...byName.keys()].sort();
  const problem = countProblem(names, maxTopics);
  if (problem !== null) return problem;
  const topics = names.map((name) => byName.get(name) as SubscribeEntry);
  return {
    names,
    digest: digestOf(names),
    given,
    frame: {
      type: 'Subscribe',
      id: FIRST_FRAME,
      trace: undefined,
      topics: cursor === null || cursor === '' ? topics : resumed(topics, cursor, names),
    },
  };
}

function countProblem(names: readonly string[], maxTopics: number): Refusal | null {
  const pattern = names.find(looksLikePattern);
  if (pattern !== undefined)
    return refusal(
      'invalid_topic',
      `expected names of topics, got the pattern ${quote(pattern)}: positions of what it matches fit into no event id`,
    );
  if (names.length === 0) return refusal('invalid_field', 'topics: expected at least one topic');
  if (names.length > maxTopics)
    return refusal('topic_limit', `expected at most ${maxTopics} topics (streams.max_topics), got ${names.length}`);
  return null;
}

/** Each topic goes on at its place in the cursor. Where there is none it begins live behind an announced loss. */
function resumed(topics: readonly SubscribeEntry[], cursor: string, names: readonly string[]): SubscribeEntry[] {
  const positions = readCursor(cursor, names);
  return topics.map(({ topic }, at) => {
    const position = positions?.[at];
    return position === null || position === undefined ? { topic, lost: true } : { topic, position };
  });
}
