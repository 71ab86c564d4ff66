/** Messages as readers of pages get them: what is true now, not what was said first. */
import type { Selectable } from 'kysely';
import type { Database } from '../../../database/database.ts';
import type { Tables } from '../tables.ts';
import { messageIdOf, readMessage, type MessagePayload } from './payload.ts';

interface Reaction {
  readonly emoji: string;
  readonly count: number;
  /** Whether the reader is among them. */
  readonly mine: boolean;
}

export interface MessageView extends Omit<MessagePayload, 'event'> {
  readonly id: string;
  readonly conversation: string;
  readonly sequence: number;
  readonly n: number;
  readonly from: string;
  /** Under which the reader has sent it: of the reader's own messages alone. */
  readonly clientId?: string;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly editedAt?: number;
  readonly deletedAt?: number;
  readonly reactions?: readonly Reaction[];
}

export const COLUMNS = [
  'conversation',
  'sequence',
  'message',
  'sender',
  'client_id',
  'payload',
  'sent_at',
  'edited_at',
  'deleted_at',
] as const;

export type EventRow = Pick<Selectable<Tables['events']>, (typeof COLUMNS)[number]>;

export async function viewsOf(
  database: Database,
  { tenant, user }: { readonly tenant: string; readonly user: string },
  rows: readonly EventRow[],
): Promise<readonly MessageView[]> {
  const { views } = await viewsAt(database, { tenant, user }, rows);
  return views;
}

/** @returns also up to which event of its conversation the reactions are told */
export async function viewsAt(
  database: Database,
  { tenant, user }: { readonly tenant: string; readonly user: string },
  rows: readonly EventRow[],
): Promise<{ readonly views: readonly MessageView[]; readonly head: (conversation: string) => number | undefined }> {
  const reactions = await reactionsOf(database, { tenant, user }, rows);
  return {
    views: rows.map((row) => viewOf(row, user, reactions.get(messageIdOf(row.conversation, row.sequence)))),
    head: (conversation) => reactions.get(messageIdOf(conversation, HEAD))?.[0]?.count,
  };
}

function viewOf(row: EventRow, user: string, reactions: readonly Reaction[] = []): MessageView {
  const { event: _, ...payload } = readMessage(row.payload);
  return {
    id: messageIdOf(row.conversation, row.sequence),
    conversation: row.conversation,
    sequence: row.sequence,
    n: row.message ?? 0,
    from: row.sender,
    ...(row.client_id !== null && row.sender === user && { clientId: row.client_id }),
    timestamp: row.sent_at.getTime(),
    ...payload,
    ...(row.edited_at !== null && { editedAt: row.edited_at.getTime() }),
    ...(row.deleted_at !== null && { deletedAt: row.deleted_at.getTime() }),
    ...(reactions.length > 0 && { reactions }),
  };
}

/** In the place of a sequence, where the number is none of reactions but the newest sequence of the conversation. */
const HEAD = 0;

/** Of each message, by emoji; with the place of the conversation, as one statement sees both. */
async function reactionsOf(
  database: Database,
  { tenant, user }: { readonly tenant: string; readonly user: string },
  rows: readonly EventRow[],
): Promise<ReadonlyMap<string, readonly Reaction[]>> {
  const found = new Map<string, Reaction[]>();
  if (rows.length === 0) return found;
  const { rows: counted } = await database.sql<Reaction & { readonly conversation: string; readonly sequence: number }>`
    select conversation, sequence, emoji, count(*) as count, bool_or(user_id = ${user}) as mine
    from conversations.reactions
    where (tenant, conversation, sequence) in (
      select ${tenant}::text, * from unnest(${rows.map((row) => row.conversation)}::text[], ${rows.map((row) => row.sequence)}::int8[])
    )
    group by conversation, sequence, emoji
    union all
    select id, ${HEAD}::int8, '', head, false from conversations.conversations
    where tenant = ${tenant} and id = any(${[...new Set(rows.map((row) => row.conversation))]}::text[])
    order by emoji`.execute(database.tables());
  for (const { conversation, sequence, emoji, count, mine } of counted) {
    const id = messageIdOf(conversation, sequence);
    const list = found.get(id) ?? [];
    list.push({ emoji, count, mine });
    found.set(id, list);
  }
  return found;
}
