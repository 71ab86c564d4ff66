/**
 * The conversations of a user, those with the newest messages first. Every page is read from the tables: nothing is kept that
 * could be stale. A page costs a look at each conversation of the user, by its key.
 */
import type { Refusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Actor } from '../ports.ts';
import type { Kind, Role, Status } from '../tables.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { isDeletedText, previewOf } from './preview.ts';
import type { PositionPorts } from './ports.ts';

export interface ListInput {
  /** More than `max_list` is as many as that. */
  readonly limit?: number | undefined;
  /** As the page before gave it as `next`. */
  readonly after?: string | undefined;
  /** Conversations to pass over: for interfaces that know no cursor. What moves meanwhile moves pages. */
  readonly offset?: number | undefined;
  /** Those that were put away, instead of the others. */
  readonly archived?: boolean | undefined;
}

export interface LastMessage {
  /** `<conversation>.<sequence>`. */
  readonly id: string;
  readonly sequence: number;
  readonly n: number;
  readonly from: string;
  readonly type: string;
  /** The beginning of its text; `null` where it has none, or is deleted. */
  readonly preview: string | null;
  readonly isDeleted: boolean;
  readonly sentAt: string;
}

export interface ListedConversation {
  readonly id: string;
  readonly kind: Kind;
  readonly status: Status;
  readonly name: string | null;
  readonly metadata: JsonValue;
  readonly unread: number;
  readonly readTo: number;
  readonly role: Role;
  readonly label: string | null;
  readonly sequence: number;
  readonly lastMessage: LastMessage | null;
  readonly lastMessageAt: string;
  /** Some of the others, by their ids. */
  readonly others: readonly { readonly user: string; readonly label: string | null }[];
  /** Active members, the user included; beyond 1,000 it says 1,000. */
  readonly members: number;
}

export interface ListPage {
  readonly conversations: readonly ListedConversation[];
  readonly next: string | null;
}

export interface UnreadTotal {
  readonly unread: number;
  /** Conversations with something unread. */
  readonly conversations: number;
}

const MAX_OFFSET = 100_000;

interface Row {
  readonly id: string;
  readonly kind: Kind;
  readonly status: Status;
  readonly name: string | null;
  readonly metadata: string | null;
  readonly messages: number;
  readonly head: number;
  readonly last_us: number;
  readonly last_message_at: Date;
  readonly role: Role;
  readonly label: string | null;
  readonly read_to: number;
  readonly read_messages: number;
  readonly last_message: number | null;
  readonly n: number | null;
  readonly sender: string | null;
  readonly payload: string | null;
  readonly deleted_at: Date | null;
  readonly sent_at: Date | null;
  readonly others: string;
  readonly members: number;
}

export async function listConversations(
  ports: PositionPorts,
  { tenant, user }: Actor,
  { limit, after, offset = 0, archived = false }: ListInput,
): Promise<ListPage | Refusal> {
  const { host, database, settings } = ports;
  const cursor = after === undefined ? undefined : readCursor(after);
  if (cursor === null) return host.refuse('invalid_field', 'after: expected what a page of this list gave as next');
  const most = Math.max(1, Math.min(limit ?? Math.min(20, settings.max_list), settings.max_list));
  const { rows } = await database.sql<Row>`select * from conversations.list_conversations(
    ${tenant}::text, ${user}::text, ${archived}::bool, ${cursor?.at ?? null}::int8, ${cursor?.id ?? null}::text,
    ${Math.max(0, Math.min(offset, MAX_OFFSET))}::int8, ${most + 1}::int8, ${settings.list_members}::int8
  )`.execute(database.tables());
  const page = rows.slice(0, most);
  const last = page.at(-1);
  const isMore = rows.length > most && last !== undefined;
  return {
    conversations: page.map((row) => listed(row, settings.preview_characters)),
    next: isMore ? writeCursor(last.last_us, last.id) : null,
  };
}

/** Conversations that the list has in all its pages. */
export async function countConversations(
  { database }: PositionPorts,
  { tenant, user }: Actor,
  { archived = false }: Pick<ListInput, 'archived'>,
): Promise<number> {
  const { rows } = await database.sql<{ readonly total: number }>`
    select count(*) as total
    from conversations.members as mine
    join conversations.conversations as talk on talk.tenant = mine.tenant and talk.id = mine.conversation
    where mine.tenant = ${tenant} and mine.user_id = ${user} and mine.status = 'active'
      and (mine.archived_at is not null and mine.archived_at >= talk.last_message_at) = ${archived}`.execute(
    database.tables(),
  );
  return rows[0]?.total ?? 0;
}

/** Of all conversations that the list has, archived ones left out. */
export async function unreadTotal({ database }: PositionPorts, { tenant, user }: Actor): Promise<UnreadTotal> {
  const { rows } = await database.sql<UnreadTotal>`
    select * from conversations.unread_total(${tenant}::text, ${user}::text)`.execute(database.tables());
  return rows[0] ?? { unread: 0, conversations: 0 };
}

function listed(row: Row, characters: number): ListedConversation {
  const { id, kind, status, name, metadata, messages, head, role, label, read_to: readTo, members } = row;
  return {
    id,
    kind,
    status,
    name,
    metadata: metadata === null ? null : (JSON.parse(metadata) as JsonValue),
    unread: Math.max(0, messages - row.read_messages),
    readTo,
    role,
    label,
    sequence: head,
    lastMessage: lastMessageOf(row, characters),
    lastMessageAt: row.last_message_at.toISOString(),
    others: JSON.parse(row.others) as ListedConversation['others'],
    members,
  };
}

function lastMessageOf(row: Row, characters: number): LastMessage | null {
  const { id, last_message: sequence, n, sender, payload, sent_at: sentAt } = row;
  if (sequence === null || n === null || sender === null || payload === null || sentAt === null) return null;
  const { type, text } = previewOf(payload, characters);
  const isDeleted = row.deleted_at !== null || isDeletedText(payload);
  const preview = isDeleted ? null : text;
  return { id: `${id}.${sequence}`, sequence, n, from: sender, type, preview, isDeleted, sentAt: sentAt.toISOString() };
}
