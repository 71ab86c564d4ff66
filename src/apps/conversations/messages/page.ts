/** Pages of a conversation by cursor, both ways: a deep page costs what the first one does. */
import type { Refusal } from '../../../protocol/errors.ts';
import type { Database } from '../../../database/database.ts';
import type { ReadableRange } from '../members/standing.ts';
import type { Actor, Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';
import { placeProblem } from './body.ts';
import { refuseField } from './ports.ts';
import { numberUpTo } from './number.ts';
import { readable } from './reading.ts';
import { COLUMNS, viewsAt, type EventRow, type MessageView } from './view.ts';

export interface PageInput {
  readonly conversation: string;
  /** Sequences, exclusive. With neither the newest. With both what lies between them, from `after` on. */
  readonly after?: number | undefined;
  readonly before?: number | undefined;
  /** Messages to pass over, for interfaces that know no cursor: each of them costs a look. */
  readonly offset?: number | undefined;
  /** Messages; 50, and never more than 100. */
  readonly limit?: number | undefined;
  /** The first message of a thread: it and its answers alone. */
  readonly thread?: number | undefined;
  /** Whether the places of deleted messages are left out; without, they are there, and empty. */
  readonly withoutDeleted?: boolean | undefined;
}

export interface MessagePage {
  /** Ascending. */
  readonly messages: readonly MessageView[];
  /** Whether there are more in the direction of reading. */
  readonly hasMore: boolean;
  /** Messages that the reader may read, deleted ones included; of a thread that is `null`. */
  readonly total: number | null;
  /** The newest event whose reaction is counted in here: later ones come on the topic. */
  readonly sequence: number;
}

const LIMIT = { usual: 50, most: 100 };
const MAX_OFFSET = 100_000;

export async function messagesOf(ports: Ports, actor: Actor, input: PageInput): Promise<MessagePage | Refusal> {
  const problem =
    placeProblem('after', input.after === 0 ? undefined : input.after) ??
    placeProblem('before', input.before) ??
    placeProblem('limit', input.limit) ??
    placeProblem('thread', input.thread);
  if (problem !== null) return refuseField(ports, problem);
  const may = await readable(ports, actor, input.conversation, 'messages.read');
  if (ports.host.isRefusal(may)) return may;
  const { conversation, range } = may;
  const { rows, hasMore } = await readRows(ports.database, actor.tenant, input, range);
  const [{ views, head }, total] = await Promise.all([
    viewsAt(ports.database, actor, rows),
    input.thread === undefined ? countOf(ports.database, conversation, range) : null,
  ]);
  return { messages: views, hasMore, total, sequence: head(conversation.id) ?? conversation.head };
}

async function readRows(
  database: Database,
  tenant: string,
  input: PageInput,
  range: ReadableRange,
): Promise<{ readonly rows: readonly EventRow[]; readonly hasMore: boolean }> {
  const most = Math.min(input.limit ?? LIMIT.usual, LIMIT.most);
  // One more tells whether there are more.
  const found = await rowsQuery(database, tenant, input, range)
    .offset(Math.max(0, Math.min(input.offset ?? 0, MAX_OFFSET)))
    .limit(most + 1)
    .execute();
  const rows = found.slice(0, most);
  return { rows: input.after === undefined ? rows.toReversed() : rows, hasMore: found.length > most };
}

/** In the order of reading, by the index that keeps events in order. */
export function rowsQuery(
  database: Database,
  tenant: string,
  { conversation, after, before, thread, withoutDeleted = false }: PageInput,
  range: ReadableRange,
) {
  let query = database
    .tables<Tables>()
    .selectFrom('events')
    .select(COLUMNS)
    .where('tenant', '=', tenant)
    .where('conversation', '=', conversation)
    .where('message', 'is not', null)
    .where('sequence', '>', Math.max(after ?? 0, range.after))
    .where('sequence', '<=', Math.min((before ?? Infinity) - 1, range.to));
  if (withoutDeleted) query = query.where('deleted_at', 'is', null);
  if (thread !== undefined)
    query = query.where((is) => is.or([is('thread', '=', thread), is('sequence', '=', thread)]));
  return query.orderBy('sequence', after === undefined ? 'desc' : 'asc');
}

/** By the numbers of messages, not by counting. */
async function countOf(
  database: Database,
  {
    tenant,
    id,
    messages,
    first,
  }: { readonly tenant: string; readonly id: string; readonly messages: number; readonly first: number },
  { after, to }: ReadableRange,
): Promise<number> {
  const numberAt = async (sequence: number): Promise<number> =>
    (await numberUpTo(database.tables<Tables>(), { tenant, id }, sequence)) ?? 0;
  const isWhole = after === 0 && first <= 1;
  const [newest, older] = await Promise.all([
    to === Number.MAX_SAFE_INTEGER ? messages : numberAt(to),
    isWhole ? 0 : numberAt(Math.max(after, first - 1)),
  ]);
  return Math.max(0, newest - older);
}
