/** Users come into a conversation: what they may read of it, and what its topic tells. */
import type { Ports } from '../ports.ts';
import type { MemberStatus, Role } from '../tables.ts';
import type { EventDraft, Locked } from './change.ts';

export interface Membership {
  readonly user: string;
  readonly role: Role;
  readonly status: MemberStatus;
}

/** A user that comes back has the numbers of a newcomer, as the rule says for everything before. */
export async function joinRows({ settings }: Ports, locked: Locked, joining: readonly Membership[]): Promise<void> {
  const { tables, conversation, now } = locked;
  const { tenant, id, kind, head, messages } = conversation;
  const rule = kind === 'space' ? settings.space_history : settings.group_history;
  const place = {
    history_from: rule === 'all' ? 0 : head,
    history_to: null,
    // Nothing is unread of what was there before.
    read_to: head,
    read_messages: messages,
    delivered_to: head,
    archived_at: null,
    joined_at: now,
    can_send: null,
    can_upload: null,
    can_add: null,
    can_remove: null,
  };
  await tables
    .insertInto('members')
    .values(
      joining.map(({ user, role, status }) => ({ tenant, conversation: id, user_id: user, role, status, ...place })),
    )
    .onConflict((of) =>
      of.columns(['tenant', 'conversation', 'user_id']).doUpdateSet((excluded) => ({
        ...place,
        role: excluded.ref('excluded.role'),
        status: excluded.ref('excluded.status'),
      })),
    )
    .execute();
  locked.joined.push(...joining.filter(({ status }) => status === 'active').map(({ user }) => user));
}

/** Also of those who go, or whose role is another. */
export function joinEvent(changes: readonly Membership[]): EventDraft {
  return { payload: { event: 'members', changes: changes.map(({ user, role, status }) => ({ user, role, status })) } };
}
