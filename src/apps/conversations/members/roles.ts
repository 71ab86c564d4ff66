/** Rights in a conversation: role × status × flags. */
import type { MemberStatus, Role } from '../tables.ts';

export type Ability = 'read' | 'send' | 'upload' | 'add' | 'remove' | 'rename' | 'appoint' | 'moderate';

/** What of a member decides. */
export interface Standing {
  readonly role: Role;
  readonly status: MemberStatus;
  readonly can_send: boolean | null;
  readonly can_upload: boolean | null;
  readonly can_add: boolean | null;
  readonly can_remove: boolean | null;
}

/** The greater one has a say over the smaller one. */
export const RANKS: Readonly<Record<Role, number>> = { owner: 4, admin: 3, moderator: 2, member: 1, reader: 0 };

/** The lowest role that may do it without a flag. */
const NEEDED: Readonly<Record<Ability, Role>> = {
  read: 'reader',
  send: 'member',
  upload: 'member',
  add: 'moderator',
  remove: 'moderator',
  moderate: 'moderator',
  rename: 'admin',
  appoint: 'admin',
};

/** A flag lifts or lowers what the role says; but readers stay readers, and only active members do anything. */
export function may(member: Standing, ability: Ability): boolean {
  if (member.status !== 'active') return false;
  if (member.role === 'reader') return ability === 'read';
  return flagOf(member, ability) ?? RANKS[member.role] >= RANKS[NEEDED[ability]];
}

function flagOf(member: Standing, ability: Ability): boolean | null {
  if (ability === 'send') return member.can_send;
  // A member that may not send sends no files either.
  if (ability === 'upload') return member.can_send === false ? false : member.can_upload;
  if (ability === 'add') return member.can_add;
  return ability === 'remove' ? member.can_remove : null;
}
