/**
 * Search of own conversations: by the index that keeps messages in order, the newest first, and through so many at most. An
 * index of words would make every message that is sent dearer. A cursor says where the next search goes on.
 */
import type { Refusal } from '../../../protocol/errors.ts';
import type { Actor, Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';
import { refuseField } from './ports.ts';
import { readable } from './reading.ts';
import { viewsOf, type EventRow, type MessageView } from './view.ts';

export interface SearchInput {
  /** In any case of letters. */
  readonly text: string;
  /** Without, all of the user's own, those with the newest messages first, and of each its newest 1,000 messages. */
  readonly conversation?: string | undefined;
  /** `next` of the answer before. */
  readonly from?: string | undefined;
  readonly limit?: number | undefined;
}

export interface SearchPage {
  /** Of a conversation the newest first. */
  readonly messages: readonly MessageView[];
  /** Where the next search goes on; `null` when everything was looked at. */
  readonly next: string | null;
}

/** A stretch of a conversation, of which the newest messages are looked at. */
interface Stretch {
  readonly conversation: string;
  readonly after: number;
  readonly to: number;
}

interface Looked {
  readonly rows: readonly EventRow[];
  /** The oldest sequence that was looked at in the last stretch; `null` when that was looked at to its end. */
  readonly reached: number | null;
}

const LIMIT = { usual: 20, most: 100 };
const TEXT = { least: 2, most: 200 };
/** Messages that are looked at in a search. */
const IN_ONE = 20_000;
const IN_EACH = 1_000;
const CONVERSATIONS = 20;

export async function search(ports: Ports, actor: Actor, input: SearchInput): Promise<SearchPage | Refusal> {
  const { text, conversation, limit = LIMIT.usual } = input;
  const length = text.trim().length;
  if (length < TEXT.least || length > TEXT.most || text.includes('\0') || !text.isWellFormed())
    return refuseField(ports, { field: 'text', problem: `expected ${TEXT.least} to ${TEXT.most} characters` });
  if (!Number.isSafeInteger(limit) || limit < 1)
    return refuseField(ports, { field: 'limit', problem: `expected 1 to ${LIMIT.most}, got ${limit}` });
  const asked = { ...input, limit: Math.min(limit, LIMIT.most) };
  return conversation === undefined
    ? searchAll(ports, actor, asked)
    : searchOne(ports, actor, { ...asked, conversation });
}

async function searchOne(
  ports: Ports,
  actor: Actor,
  { text, conversation, from, limit }: SearchInput & { readonly conversation: string; readonly limit: number },
): Promise<SearchPage | Refusal> {
  const before = from === undefined ? Infinity : sequenceOf(from);
  if (before === null) return refuseField(ports, { field: 'from', problem: 'expected next of the answer before' });
  const may = await readable(ports, actor, conversation, 'messages.search');
  if (ports.host.isRefusal(may)) return may;
  const { after, to } = may.range;
  const stretch = { conversation, after, to: Math.min(to, before - 1) };
  const { rows, reached } = await look(ports, actor.tenant, text, [stretch], { messages: IN_ONE, limit: limit + 1 });
  // Of what matches beyond the limit the next search tells.
  const page = rows.slice(0, limit);
  const next = rows.length > limit ? page.at(-1)?.sequence : reached;
  return { messages: await viewsOf(ports.database, actor, page), next: next == null ? null : String(next) };
}

async function searchAll(
  ports: Ports,
  actor: Actor,
  { text, from, limit }: SearchInput & { readonly limit: number },
): Promise<SearchPage | Refusal> {
  const place = from === undefined ? null : placeOf(from);
  if (from !== undefined && place === null)
    return refuseField(ports, { field: 'from', problem: 'expected next of the answer before' });
  const own = await ownConversations(ports, actor, place);
  const { rows } = await look(ports, actor.tenant, text, own, { messages: IN_EACH, limit });
  const last = own.at(-1);
  const next = last === undefined || own.length < CONVERSATIONS ? null : `${last.at.getTime()}.${last.conversation}`;
  return { messages: await viewsOf(ports.database, actor, rows), next };
}

/** `null` for what no search has answered. */
function sequenceOf(from: string): number | null {
  return /^\d{1,16}$/.test(from) && Number.isSafeInteger(Number(from)) ? Number(from) : null;
}

function placeOf(from: string): { readonly at: Date; readonly conversation: string } | null {
  const [, time, conversation = ''] = /^(\d{1,13})\.([A-Za-z0-9_:-]{1,128})$/.exec(from) ?? [];
  return time === undefined ? null : { at: new Date(Number(time)), conversation };
}

/** Those with the newest messages first, after a place in this order. */
async function ownConversations(
  { database }: Ports,
  { tenant, user }: Actor,
  place: { readonly at: Date; readonly conversation: string } | null,
): Promise<readonly (Stretch & { readonly at: Date })[]> {
  // As precise as the cursor.
  const at = database.sql<Date>`date_trunc('milliseconds', conversations.last_message_at)`;
  let query = database
    .tables<Tables>()
    .selectFrom('members')
    .innerJoin('conversations', (join) =>
      join.onRef('conversations.tenant', '=', 'members.tenant').onRef('conversations.id', '=', 'members.conversation'),
    )
    .select(['members.conversation', 'members.history_from as after', 'members.history_to as to'])
    .select(at.as('at'))
    .where('members.tenant', '=', tenant)
    .where('members.user_id', '=', user)
    .where('members.status', '<>', 'pending');
  if (place !== null)
    query = query.where(database.sql<boolean>`(${at}, conversations.id) < (${place.at}, ${place.conversation})`);
  const rows = await query.orderBy(at, 'desc').orderBy('conversations.id', 'desc').limit(CONVERSATIONS).execute();
  return rows.map((row) => ({ ...row, to: row.to ?? Number.MAX_SAFE_INTEGER }));
}

async function look(
  { database }: Ports,
  tenant: string,
  text: string,
  stretches: readonly Stretch[],
  { messages, limit }: { readonly messages: number; readonly limit: number },
): Promise<Looked> {
  const pattern = `%${text.trim().replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  const { rows } = await database.sql<EventRow & { readonly reached: number | null }>`
    with looked as materialized (
      select stretch.n, event.*
      from unnest(
        ${stretches.map((it) => it.conversation)}::text[],
        ${stretches.map((it) => it.after)}::int8[],
        ${stretches.map((it) => it.to)}::int8[]
      ) with ordinality as stretch (conversation, after, upto, n)
      cross join lateral (
        select conversation, sequence, message, sender, client_id, payload, sent_at, edited_at, deleted_at
        from conversations.events as event
        where event.tenant = ${tenant} and event.conversation = stretch.conversation
          and event.sequence > stretch.after and event.sequence <= stretch.upto
        order by event.sequence desc
        limit ${messages}
      ) as event
    )
    select looked.*, (select case when count(*) < ${messages} then null else min(sequence) end from looked) as reached
    from (select 1) as always
    left join looked on message is not null and deleted_at is null and payload::json ->> 'content' ilike ${pattern}
    order by n, sequence desc
    limit ${limit}`.execute(database.tables());
  return { rows: rows.filter((row) => row.sequence !== null), reached: rows[0]?.reached ?? null };
}
