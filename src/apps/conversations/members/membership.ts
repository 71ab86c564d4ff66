/** Members come, go, and get another role; a pair stays as it is. */
import type { Refusal } from '../../../protocol/errors.ts';
import { isService, type Actor, type Ports } from '../ports.ts';
import type { Role } from '../tables.ts';
import { auditWithin } from './audit.ts';
import { changing, type Change, type Locked } from './change.ts';
import { joinEvent, joinRows } from './joining.ts';
import { may, RANKS, type Ability } from './roles.ts';
import { unknownConversation, type MemberRow } from './standing.ts';
import { memberView, type MemberView } from './view.ts';

export interface AddInput {
  readonly conversation: string;
  readonly users: readonly string[];
  readonly role?: Role | undefined;
  /** They are asked first, and take part when they say so. */
  readonly invite?: boolean | undefined;
}

export interface MemberInput {
  readonly conversation: string;
  readonly user: string;
}

export interface SetInput extends MemberInput {
  readonly role?: Role | undefined;
  readonly canSend?: boolean | null | undefined;
  readonly canUpload?: boolean | null | undefined;
  readonly canAdd?: boolean | null | undefined;
  readonly canRemove?: boolean | null | undefined;
}

/** Of oneself. */
export interface OwnInput {
  readonly conversation: string;
  readonly notifications?: boolean | undefined;
  /** Takes an invitation. */
  readonly accept?: boolean | undefined;
}

type Told = Promise<Record<string, never> | Refusal>;

/** Above every role: a backend. */
const SERVICE_RANK = 5;

/** Users who are there already stay as they are. */
export async function addMembers(
  ports: Ports,
  actor: Actor,
  input: AddInput,
): Promise<{ readonly added: readonly string[] } | Refusal> {
  const { host, settings } = ports;
  const { conversation: id, role = 'member', invite = false } = input;
  const status = invite ? 'pending' : 'active';
  return changing(ports, actor, id, async (locked) => {
    const refused = await mayChange(ports, actor, locked, 'add');
    if (refused !== null) return refused;
    if (role !== 'member' && role !== 'reader' && !outranks(actor, locked, role))
      return notAllowed(ports, `expected a role below one's own for new members, got ${role}`);
    const present = await presentRoles(locked);
    const added = [...new Set(input.users)].filter((user) => !present.has(user));
    const total = present.size + added.length;
    if (total > settings.max_members)
      return host.refuse('wrong_state', `expected at most ${settings.max_members} members, got ${total}`);
    if (added.length === 0) return { answer: { added } };
    const memberships = added.map((user) => ({ user, role, status }) as const);
    await joinRows(ports, locked, memberships);
    const event = invite ? 'invited' : 'conversation';
    const payload = { event, conversation: id, kind: locked.conversation.kind };
    return {
      answer: { added },
      events: [joinEvent(memberships)],
      rightsOf: added,
      notices: added.map((user) => ({ user, payload })),
    };
  });
}

export async function removeMember(ports: Ports, actor: Actor, input: MemberInput): Told {
  return changing(ports, actor, input.conversation, async (locked) => {
    const refused = await mayChange(ports, actor, locked, 'remove');
    if (refused !== null) return refused;
    const member = await locked.member(input.user);
    if (!isPresent(member)) return unknownMember(ports);
    if (!outranks(actor, locked, member.role))
      return notAllowed(ports, `expected a member whose role is below one's own, got ${member.role}`);
    return gone(locked, member, 'removed', [
      { user: input.user, payload: { event: 'removed', conversation: input.conversation } },
    ]);
  });
}

/** Also says no to an invitation. */
export async function leave(ports: Ports, actor: Actor, { conversation: id }: { readonly conversation: string }): Told {
  return changing(ports, actor, id, async (locked) => {
    const { me } = locked;
    if (!isPresent(me)) return unknownConversation(ports, id);
    if (locked.conversation.kind === 'private') return fixed(ports);
    return gone(locked, me, 'left', []);
  });
}

/** Role and flags of another member. An owner that makes somebody else the owner is an admin from then on. */
export async function setMember(ports: Ports, actor: Actor, input: SetInput): Promise<MemberView | Refusal> {
  return changing<MemberView>(ports, actor, input.conversation, async (locked) => {
    const refused = await mayChange(ports, actor, locked, 'appoint');
    if (refused !== null) return refused;
    const member = await locked.member(input.user);
    if (!isPresent(member)) return unknownMember(ports);
    const { role = member.role } = input;
    const isHandedOver = role === 'owner' && member.role !== 'owner';
    const isOwner = locked.me?.role === 'owner' || isService(actor);
    if (!outranks(actor, locked, member.role) || !(isHandedOver ? isOwner : outranks(actor, locked, role)))
      return notAllowed(ports, `expected a member and a role below one's own, got ${member.role} and ${role}`);
    if (isHandedOver && member.status !== 'active')
      return ports.host.refuse('wrong_state', 'expected an active member as the new owner');
    const changed = { ...member, role, ...flagsOf(input) };
    await update(locked, member.user_id, { role, ...flagsOf(input) });
    const before = isHandedOver ? await demoteOwners(locked, member.user_id) : [];
    const changes = [...before, changed].map(({ user_id: user, role: as, status }) => ({ user, role: as, status }));
    return {
      answer: memberView(changed),
      events: [joinEvent(changes)],
      rightsOf: changes.map(({ user }) => user),
    };
  });
}

/** What a member decides alone: to be told of messages, and to take an invitation. */
export async function setOwn(ports: Ports, actor: Actor, input: OwnInput): Promise<MemberView | Refusal> {
  const { conversation: id, notifications, accept = false } = input;
  return changing<MemberView>(ports, actor, id, async (locked) => {
    const { me } = locked;
    if (!isPresent(me)) return unknownConversation(ports, id);
    if (notifications !== undefined) await update(locked, actor.user, { notifications });
    const isAccepted = accept && me.status === 'pending';
    const status = isAccepted ? 'active' : me.status;
    if (isAccepted) await joinRows(ports, locked, [{ user: actor.user, role: me.role, status }]);
    const answer = memberView({ ...me, notifications: notifications ?? me.notifications, status });
    if (!isAccepted) return { answer };
    return {
      answer,
      events: [joinEvent([{ user: actor.user, role: me.role, status }])],
      rightsOf: [actor.user],
    };
  });
}

/** Brings the members of a space to what the product says now. */
export async function refreshSpace(
  ports: Ports,
  actor: Actor,
  { conversation: id, users }: { readonly conversation: string; readonly users: readonly string[] },
): Promise<{ readonly added: readonly string[]; readonly removed: readonly string[] } | Refusal> {
  if (!isService(actor)) return unknownConversation(ports, id);
  return changing(ports, actor, id, async (locked) => {
    if (locked.conversation.kind !== 'space')
      return ports.host.refuse('wrong_state', 'expected the conversation of a space');
    if (users.length > ports.settings.max_members)
      return ports.host.refuse('wrong_state', `expected at most ${ports.settings.max_members} members`);
    await auditWithin(locked, actor, 'refresh_space');
    const present = await presentRoles(locked);
    const wanted = new Set(users);
    const added = [...wanted].filter((user) => !present.has(user));
    const removed = [...present.keys()].filter((user) => !wanted.has(user));
    const joining = added.map((user) => ({ user, role: 'member', status: 'active' }) as const);
    for (let at = 0; at < joining.length; at += 500) await joinRows(ports, locked, joining.slice(at, at + 500));
    if (removed.length > 0)
      await locked.tables
        .updateTable('members')
        .set({ status: 'removed', history_to: locked.next })
        .where('tenant', '=', locked.conversation.tenant)
        .where('conversation', '=', id)
        .where('user_id', 'in', removed)
        .execute();
    const heirs = removed.some((user) => present.get(user) === 'owner') ? await appointHeir(locked, null) : [];
    const changes = [
      ...joining,
      ...removed.map((user) => ({ user, role: present.get(user) ?? 'member', status: 'removed' }) as const),
      ...heirs.map(inherits),
    ];
    return {
      answer: { added, removed },
      events: changes.length > 0 ? [joinEvent(changes)] : [],
      rightsOf: [...new Set(changes.map(({ user }) => user))],
      notices: [
        ...added.map((user) => ({ user, payload: { event: 'conversation', conversation: id, kind: 'space' } })),
        ...removed.map((user) => ({ user, payload: { event: 'removed', conversation: id } })),
      ],
    };
  });
}

export function isPresent(member: MemberRow | null): member is MemberRow {
  return member?.status === 'active' || member?.status === 'pending';
}

/** A backend may do everything, and it is written down; strangers hear that there is no such conversation. */
async function mayChange(ports: Ports, actor: Actor, locked: Locked, ability: Ability): Promise<Refusal | null> {
  const { conversation, me } = locked;
  if (!isService(actor)) {
    if (!isPresent(me)) return unknownConversation(ports, conversation.id);
    if (conversation.kind === 'private') return fixed(ports);
    return may(me, ability)
      ? null
      : notAllowed(ports, `expected a member who may do this (${ability}), got ${me.role}`);
  }
  if (conversation.kind === 'private') return fixed(ports);
  await auditWithin(locked, actor, `members.${ability}`);
  return null;
}

function outranks(actor: Actor, { me }: Locked, role: Role): boolean {
  const rank = isService(actor) ? SERVICE_RANK : RANKS[me?.role ?? 'reader'];
  return rank > RANKS[role];
}

async function presentRoles({ tables, conversation: { tenant, id } }: Locked): Promise<ReadonlyMap<string, Role>> {
  const rows = await tables
    .selectFrom('members')
    .select(['user_id', 'role'])
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('status', 'in', ['active', 'pending'])
    .execute();
  return new Map(rows.map((row) => [row.user_id, row.role]));
}

/** The last word that this member may read is that of the own departure. A group does not stay without an owner. */
export async function gone(
  locked: Locked,
  member: MemberRow,
  status: 'left' | 'removed',
  notices: NonNullable<Change<unknown>['notices']>,
): Promise<Change<Record<string, never>>> {
  const { user_id: user, role } = member;
  await update(locked, user, { status, history_to: locked.next });
  const heirs = role === 'owner' ? await appointHeir(locked, user) : [];
  const changes = [{ user, role, status }, ...heirs.map(inherits)];
  return { answer: {}, events: [joinEvent(changes)], rightsOf: changes.map((change) => change.user), notices };
}

function inherits(user: string): { readonly user: string; readonly role: 'owner'; readonly status: 'active' } {
  return { user, role: 'owner', status: 'active' };
}

/** The highest role, and of several the one that has been there longest. @param user who is no heir */
async function appointHeir(locked: Locked, user: string | null): Promise<readonly string[]> {
  const { tenant, id } = locked.conversation;
  const rows = await locked.tables
    .selectFrom('members')
    .select(['user_id', 'role', 'joined_at'])
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('status', '=', 'active')
    .where('user_id', 'is distinct from', user)
    .orderBy('user_id')
    .execute();
  if (rows.some(({ role }) => role === 'owner')) return [];
  const [heir] = rows.toSorted(
    (a, b) => RANKS[b.role] - RANKS[a.role] || a.joined_at.getTime() - b.joined_at.getTime(),
  );
  if (heir === undefined) return [];
  await update(locked, heir.user_id, { role: 'owner' });
  return [heir.user_id];
}

async function demoteOwners({ tables, conversation }: Locked, except: string): Promise<readonly MemberRow[]> {
  return tables
    .updateTable('members')
    .set({ role: 'admin' })
    .where('tenant', '=', conversation.tenant)
    .where('conversation', '=', conversation.id)
    .where('role', '=', 'owner')
    .where('status', 'in', ['active', 'pending'])
    .where('user_id', '<>', except)
    .returningAll()
    .execute();
}

async function update(
  { tables, conversation: { tenant, id } }: Locked,
  user: string,
  set: Partial<MemberRow>,
): Promise<void> {
  if (Object.keys(set).length === 0) return;
  await tables
    .updateTable('members')
    .set(set)
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('user_id', '=', user)
    .execute();
}

function flagsOf({ canSend, canUpload, canAdd, canRemove }: SetInput): Partial<MemberRow> {
  return {
    ...(canSend !== undefined && { can_send: canSend }),
    ...(canUpload !== undefined && { can_upload: canUpload }),
    ...(canAdd !== undefined && { can_add: canAdd }),
    ...(canRemove !== undefined && { can_remove: canRemove }),
  };
}

function fixed({ host }: Ports): Refusal {
  return host.refuse('wrong_state', 'expected a group or a space: the members of a private conversation are fixed');
}

function unknownMember({ host }: Ports): Refusal {
  return host.refuse('not_found', 'user: expected a member of this conversation');
}

function notAllowed({ host }: Ports, message: string): Refusal {
  return host.refuse('not_allowed', message);
}
