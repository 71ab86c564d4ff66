/** A conversation as its members see it. */
import type { Kysely } from 'kysely';
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Tables } from '../tables.ts';
import { isArchived, type ConversationRow, type MemberRow } from './standing.ts';

export type ConversationView = Readonly<Record<string, JsonValue>> & { readonly id: string };
export type MemberView = Readonly<Record<string, JsonValue>> & { readonly user: string };

/** Members in one answer; the next ones come after the last. */
const MEMBERS_PAGE = 200;

export interface MembersPage {
  readonly members: readonly MemberView[];
  /** Of the last one, where there are more. */
  readonly next: string | null;
}

/** @param member of who asks; `null` for a backend */
export function conversationView(conversation: ConversationRow, member: MemberRow | null): ConversationView {
  const { id, kind, status, name, description, metadata } = conversation;
  return {
    id,
    kind,
    status,
    name,
    description,
    metadata: metadata === null ? null : (JSON.parse(metadata) as JsonValue),
    createdBy: conversation.created_by,
    createdAt: conversation.created_at.toISOString(),
    lastMessageAt: conversation.last_message_at.toISOString(),
    messages: conversation.messages,
    sequence: conversation.head,
    first: conversation.first,
    ...(member !== null && {
      me: {
        ...memberView(member),
        unread: Math.max(0, conversation.messages - Math.max(member.read_messages, conversation.gone)),
        readTo: member.read_to,
        isArchived: isArchived(member, conversation),
      },
    }),
  };
}

export function memberView(member: MemberRow): MemberView {
  return {
    user: member.user_id,
    role: member.role,
    status: member.status,
    label: member.label,
    canSend: member.can_send,
    canUpload: member.can_upload,
    canAdd: member.can_add,
    canRemove: member.can_remove,
    notifications: member.notifications,
    joinedAt: member.joined_at.toISOString(),
  };
}

/** Those who take part or are invited, by their ids. */
export async function membersPage(
  tables: Kysely<Tables>,
  { tenant, id, after = '' }: { readonly tenant: string; readonly id: string; readonly after?: string | undefined },
): Promise<MembersPage> {
  const rows = await tables
    .selectFrom('members')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('user_id', '>', after)
    .where('status', 'in', ['active', 'pending'])
    .orderBy('user_id')
    .limit(MEMBERS_PAGE + 1)
    .execute();
  const members = rows.slice(0, MEMBERS_PAGE).map(memberView);
  return { members, next: rows.length > MEMBERS_PAGE ? (members.at(-1)?.user ?? null) : null };
}
