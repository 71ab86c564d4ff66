/** Messages as readers of pages get them: what is true now, not what was said first. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Database } from '../../../database/database.ts';
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
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly editedAt?: number;
  readonly deletedAt?: number;
  readonly reactions?: readonly Reaction[];
}

export interface EventRow {
  readonly conversation: string;
  readonly sequence: number;
  readonly message: number | null;
  readonly sender: string;
  readonly payload: string;
  readonly sent_at: Date;
  readonly edited_at: Date | null;
  readonly deleted_at: Date | null;
}

export const COLUMNS = [
  'conversation',
  'sequence',
  'message',
  'sender',
  'payload',
  'sent_at',
  'edited_at',
  'deleted_at',
] as const;

export async function viewsOf(
  database: Database,
  { tenant, user }: { readonly tenant: string; readonly user: string },
  rows: readonly EventRow[],
): Promise<readonly MessageView[]> {
  const reactions = await reactionsOf(database, { tenant, user }, rows);
  return rows.map((row) => viewOf(row, reactions.get(messageIdOf(row.conversation, row.sequence))));
}

/** An answer as JSON: what is not there has no key. */
export function asJson(view: MessageView): Readonly<Record<string, JsonValue>> {
  return view as unknown as Readonly<Record<string, JsonValue>>;
}

function viewOf(row: EventRow, reactions: readonly Reaction[] = []): MessageView {
  const { event: _, ...payload } = readMessage(row.payload);
  return {
    id: messageIdOf(row.conversation, row.sequence),
    conversation: row.conversation,
    sequence: row.sequence,
    n: row.message ?? 0,
    from: row.sender,
    timestamp: row.sent_at.getTime(),
    ...payload,
    ...(row.edited_at !== null && { editedAt: row.edited_at.getTime() }),
    ...(row.deleted_at !== null && { deletedAt: row.deleted_at.getTime() }),
    ...(reactions.length > 0 && { reactions }),
  };
}

/** Of each message, by emoji. */
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
    order by emoji`.execute(database.tables());
  for (const { conversation, sequence, emoji, count, mine } of counted) {
    const id = messageIdOf(conversation, sequence);
    const list = found.get(id) ?? [];
    list.push({ emoji, count, mine });
    found.set(id, list);
  }
  return found;
}
