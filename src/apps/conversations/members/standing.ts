/** A conversation and one user's place in it, as operations see them. */
import type { Kysely, Selectable } from 'kysely';
import type { Refusal } from '../../../protocol/errors.ts';
import type { Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';

export type ConversationRow = Selectable<Tables['conversations']>;
export type MemberRow = Selectable<Tables['members']>;

export interface Found {
  readonly conversation: ConversationRow;
  /** `null` for a stranger. */
  readonly member: MemberRow | null;
}

/** The sequences that a member may read: those after `after`, up to `to`. */
export interface ReadableRange {
  readonly after: number;
  readonly to: number;
}

export async function find(
  tables: Kysely<Tables>,
  { tenant, id, user }: { readonly tenant: string; readonly id: string; readonly user: string },
): Promise<Found | null> {
  const [conversation, member] = await Promise.all([
    tables.selectFrom('conversations').selectAll().where('tenant', '=', tenant).where('id', '=', id).executeTakeFirst(),
    findMember(tables, { tenant, id, user }),
  ]);
  if (conversation === undefined) return null;
  // Two connections of a pool see two moments: a conversation that began in between is there, and its members were not yet.
  return { conversation, member: member ?? (await findMember(tables, { tenant, id, user })) };
}

export async function findMember(
  tables: Kysely<Tables>,
  { tenant, id, user }: { readonly tenant: string; readonly id: string; readonly user: string },
): Promise<MemberRow | null> {
  const row = await tables
    .selectFrom('members')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('user_id', '=', user)
    .executeTakeFirst();
  return row ?? null;
}

/** A member that has left or was removed reads on up to there. `null`: nothing, as for a stranger or somebody who is invited. */
export function readableBy(member: MemberRow | null): ReadableRange | null {
  if (member === null || member.status === 'pending') return null;
  return { after: member.history_from, to: member.history_to ?? Number.MAX_SAFE_INTEGER };
}

/** Lists leave a conversation out that its member has put away, until there is a newer message. */
export function isArchived(
  { archived_at: archivedAt }: Pick<MemberRow, 'archived_at'>,
  { last_message_at: lastMessageAt }: Pick<ConversationRow, 'last_message_at'>,
): boolean {
  return archivedAt !== null && archivedAt >= lastMessageAt;
}

/** The same words for what is forbidden and what does not exist. */
export function unknownConversation({ host }: Pick<Ports, 'host'>, id: string): Refusal {
  return host.refuse('not_found', 'expected a conversation of this user', { details: { conversation: id } });
}
