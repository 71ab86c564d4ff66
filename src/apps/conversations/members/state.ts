/** Name, description and status of a conversation, and each member's own archive. */
import type { Refusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import { isService, type Actor, type Ports } from '../ports.ts';
import type { Status, Tables } from '../tables.ts';
import { adminOnly } from './admin.ts';
import { isBad, readBody } from '../messages/body.ts';
import { refuseField } from '../messages/ports.ts';
import { auditWithin } from './audit.ts';
import { changing, type EventDraft, type Locked } from './change.ts';
import { textProblem, type Metadata } from './making.ts';
import { may } from './roles.ts';
import { find, unknownConversation } from './standing.ts';
import { conversationView, membersPage, type ConversationView, type MembersPage } from './view.ts';

export interface UpdateInput {
  readonly conversation: string;
  readonly name?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly status?: Status | undefined;
  readonly metadata?: Metadata | undefined;
}

/** What a backend says in a conversation, with a new status or without. */
export interface SystemInput {
  readonly conversation: string;
  readonly content: string;
  readonly status?: Status | undefined;
  readonly metadata?: Metadata | undefined;
}

export interface Posted {
  /** Its id. */
  readonly message: string;
  readonly sequence: number;
}

export type Shown = { readonly conversation: ConversationView } & Partial<MembersPage>;

/** Members that are invited see what it is; those who have gone see no members. */
export async function getConversation(
  ports: Ports,
  actor: Actor,
  { conversation: id, after }: { readonly conversation: string; readonly after?: string | undefined },
): Promise<Shown | Refusal> {
  const tables = ports.database.tables<Tables>();
  const found = await find(tables, { ...actor, id });
  if (found === null || found.member === null) return unknownConversation(ports, id);
  const { conversation, member } = found;
  const shown = { conversation: conversationView(conversation, member) };
  if (member.status === 'left' || member.status === 'removed') return shown;
  return { ...shown, ...(await membersPage(tables, { tenant: actor.tenant, id, after })) };
}

export async function updateConversation(
  ports: Ports,
  actor: Actor,
  input: UpdateInput,
): Promise<{ readonly conversation: ConversationView } | Refusal> {
  const wrong = textProblem(ports, input);
  if (wrong !== null) return wrong;
  const { conversation: id, name, description, status, metadata } = input;
  return changing(ports, actor, id, async (locked) => {
    const refused = mayUpdate(ports, actor, locked, input);
    if (refused !== null) return refused;
    const set = {
      ...(name !== undefined && { name }),
      ...(description !== undefined && { description }),
      ...(status !== undefined && { status }),
    };
    const kept = metadata === undefined ? {} : { metadata: JSON.stringify(withSpace(locked, metadata)) };
    await write(locked, { ...set, ...kept });
    if (isService(actor)) await auditWithin(locked, actor, 'update');
    return {
      answer: { conversation: conversationView({ ...locked.conversation, ...set, ...kept }, locked.me) },
      events: Object.keys(set).length === 0 ? [] : [{ payload: { event: 'changed', ...set } }],
    };
  });
}

/** A system message, which no client may send, in sequence; a dispute is one with the status `resolved`. */
export async function postSystem(
  ports: Ports,
  actor: Actor,
  { conversation: id, content, status, metadata }: SystemInput,
): Promise<Posted | Refusal> {
  return isService(actor)
    ? post(ports, actor, { conversation: id, content, status, metadata })
    : unknownConversation(ports, id);
}

/** What an administrator says in a dispute that is over, and the one thing that an administrator says. */
export async function resolveDispute(
  ports: Ports,
  actor: Actor,
  { conversation: id, content, metadata }: Omit<SystemInput, 'status'>,
): Promise<Posted | Refusal> {
  const refused = isService(actor) ? null : await adminOnly(ports, actor, 'resolve', id);
  return refused ?? post(ports, actor, { conversation: id, content, status: 'resolved', metadata });
}

async function post(
  ports: Ports,
  actor: Actor,
  { conversation: id, content, status, metadata }: SystemInput,
): Promise<Posted | Refusal> {
  const body = readBody({ type: 'system', content, ...(metadata !== undefined && { metadata }) }, ports.settings);
  if (isBad(body)) return refuseField(ports, body);
  return changing<Posted>(ports, actor, id, async (locked) => {
    const message: Record<string, JsonValue> = { event: 'message', type: 'system', content };
    const events: EventDraft[] = [
      { isMessage: true, payload: metadata === undefined ? message : { ...message, metadata } },
    ];
    if (status !== undefined && status !== locked.conversation.status) {
      await write(locked, { status });
      events.push({ payload: { event: 'changed', status } });
    }
    await auditWithin(locked, actor, status === undefined ? 'system_message' : `system_message ${status}`);
    return { answer: { message: `${id}.${locked.next}`, sequence: locked.next }, events };
  });
}

/** Of the one who asks alone. A newer message brings it back. */
export async function archive(
  ports: Ports,
  actor: Actor,
  { conversation: id, isArchived = true }: { readonly conversation: string; readonly isArchived?: boolean | undefined },
): Promise<Record<string, never> | Refusal> {
  const { numUpdatedRows: rows } = await ports.database
    .tables<Tables>()
    .updateTable('members')
    .from('conversations')
    .set({
      // By one clock with the messages: what is in the conversation now is put away.
      archived_at: isArchived
        ? ports.database.sql<Date>`greatest(clock_timestamp(), conversations.last_message_at)`
        : null,
    })
    .whereRef('conversations.tenant', '=', 'members.tenant')
    .whereRef('conversations.id', '=', 'members.conversation')
    .where('members.tenant', '=', actor.tenant)
    .where('members.conversation', '=', id)
    .where('members.user_id', '=', actor.user)
    .where('members.status', '<>', 'pending')
    .executeTakeFirst();
  return rows === 0n ? unknownConversation(ports, id) : {};
}

function mayUpdate(ports: Ports, actor: Actor, { conversation, me }: Locked, input: UpdateInput): Refusal | null {
  if (isService(actor)) return null;
  if (me === null || me.status === 'left' || me.status === 'removed')
    return unknownConversation(ports, conversation.id);
  const { host } = ports;
  if (conversation.kind === 'private')
    return input.name === undefined && input.description === undefined
      ? host.refuse('not_allowed', 'expected a backend: status and metadata of a private conversation are its own')
      : host.refuse('wrong_state', 'expected a group or a space: a private conversation has no name');
  return may(me, 'rename') ? null : host.refuse('not_allowed', `expected an owner or admin, got ${me.role}`);
}

/** The id of a space stays. */
function withSpace({ conversation }: Locked, metadata: Metadata): Metadata {
  if (conversation.kind !== 'space' || conversation.metadata === null) return metadata;
  return { ...metadata, space: (JSON.parse(conversation.metadata) as Metadata)['space'] ?? null };
}

async function write(
  { tables, conversation: { tenant, id } }: Locked,
  set: {
    readonly name?: string | null;
    readonly description?: string | null;
    readonly status?: Status;
    readonly metadata?: string;
  },
): Promise<void> {
  if (Object.keys(set).length === 0) return;
  await tables.updateTable('conversations').set(set).where('tenant', '=', tenant).where('id', '=', id).execute();
}
