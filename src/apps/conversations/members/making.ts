/** Conversations begin: a pair and a space have one each, whichever user asks first on whichever node; a group is a new one. */
import type { Refusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import { isService, type Actor, type Ports } from '../ports.ts';
import type { Kind, Role, Tables } from '../tables.ts';
import { announceNew } from './announce-new.ts';
import { audit } from './audit.ts';
import { changing } from './change.ts';
import { groupId, privateId, spaceId } from './ids.ts';
import { joinEvent, joinRows } from './joining.ts';
import { find, unknownConversation, type Found } from './standing.ts';
import { conversationView, type ConversationView } from './view.ts';

export type Metadata = Readonly<Record<string, JsonValue>>;

export interface Opened {
  readonly conversation: ConversationView;
  /** Whether this call has made it. */
  readonly isNew: boolean;
}

export interface PrivateInput {
  /** The other one. A backend says both. */
  readonly with: string;
  /** Of a backend alone: the first of the two. */
  readonly user?: string | undefined;
  /** What a product calls the one who asks, and the other one: customer, artist. */
  readonly label?: string | undefined;
  readonly withLabel?: string | undefined;
  readonly metadata?: Metadata | undefined;
}

export interface GroupInput {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  /** Beside the one who asks. */
  readonly members: readonly string[];
  readonly metadata?: Metadata | undefined;
}

export interface SpaceInput {
  readonly space: string;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  /** Of a backend, where no product says who takes part in the space. */
  readonly members?: readonly string[] | undefined;
  readonly metadata?: Metadata | undefined;
}

interface New {
  readonly id: string;
  readonly kind: Kind;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly metadata?: Metadata | undefined;
  readonly members: readonly { readonly user: string; readonly role: Role; readonly label?: string | undefined }[];
}

const MIN_GROUP = 3;

/** Gets the conversation of a pair, or makes it. */
export async function openPrivate(ports: Ports, actor: Actor, input: PrivateInput): Promise<Opened | Refusal> {
  const { host } = ports;
  const user = isService(actor) ? input.user : actor.user;
  if (user === undefined) return host.refuse('invalid_field', 'user: expected the first of the two, from a backend');
  if (user === input.with) return host.refuse('invalid_field', 'with: expected another user than oneself');
  const id = privateId(actor.tenant, [user, input.with]);
  return (
    (await existing(ports, actor, id)) ??
    (await make(ports, actor, {
      id,
      kind: 'private',
      metadata: input.metadata,
      members: [
        { user, role: 'member', label: input.label },
        { user: input.with, role: 'member', label: input.withLabel },
      ],
    }))
  );
}

export async function createGroup(ports: Ports, actor: Actor, input: GroupInput): Promise<Opened | Refusal> {
  const { host, settings } = ports;
  const own = isService(actor) ? [] : [actor.user];
  const users = [...new Set([...own, ...input.members])];
  if (users.length < MIN_GROUP || users.length > settings.max_members)
    return host.refuse(
      'invalid_field',
      `members: expected ${MIN_GROUP} to ${settings.max_members} different users with oneself, got ${users.length}`,
    );
  const members = users.map((user, at) => ({ user, role: at === 0 ? ('owner' as const) : ('member' as const) }));
  return make(ports, actor, { ...input, id: groupId(host.random), kind: 'group', members });
}

/** Gets the conversation of a space, or makes it; a user of the space that is not in it yet joins. */
export async function openSpace(ports: Ports, actor: Actor, input: SpaceInput): Promise<Opened | Refusal> {
  const { host, settings } = ports;
  const id = spaceId(actor.tenant, input.space);
  const there = await existing(ports, actor, id);
  if (there !== null && !host.isRefusal(there)) return there;
  const users = await spaceUsers(ports, actor, input);
  if (users === null || !(isService(actor) || users.includes(actor.user))) return unknownConversation(ports, id);
  if (users.length > settings.max_members)
    return host.refuse('invalid_field', `members: expected at most ${settings.max_members}, got ${users.length}`);
  const made =
    there ??
    (await make(ports, actor, {
      ...input,
      id,
      kind: 'space',
      metadata: { ...input.metadata, space: input.space },
      members: users.map((user) => ({ user, role: 'member' })),
    }));
  return host.isRefusal(made) && !isService(actor) ? enter(ports, actor, id) : made;
}

/** A group under an id of another application, which needs no third member; twice is the same one. */
export async function openNamed(ports: Ports, actor: Actor, made: Omit<New, 'kind'>): Promise<Opened | Refusal> {
  return (await existing(ports, actor, made.id)) ?? make(ports, actor, { ...made, kind: 'group' });
}

/** The users of it, as the product says, or as the backend does; `null`: nobody may know of it. */
async function spaceUsers(ports: Ports, actor: Actor, input: SpaceInput): Promise<readonly string[] | null> {
  if (ports.spaces !== null) {
    const users = await ports.spaces.members(actor.tenant, input.space);
    return users === null ? null : [...new Set(users)];
  }
  return isService(actor) ? [...new Set(input.members)] : null;
}

/** A member of the space who was none when the conversation began. */
async function enter(ports: Ports, actor: Actor, id: string): Promise<Opened | Refusal> {
  const { host } = ports;
  const entered = await changing(ports, actor, id, async (locked) => {
    if (locked.me?.status === 'active') return { answer: null };
    if (locked.me?.status === 'removed') return unknownConversation(ports, id);
    await joinRows(ports, locked, [{ user: actor.user, role: 'member', status: 'active' }]);
    return {
      answer: null,
      events: [joinEvent([{ user: actor.user, role: 'member', status: 'active' }])],
      rightsOf: [actor.user],
    };
  });
  if (host.isRefusal(entered)) return entered;
  return (await existing(ports, actor, id)) ?? unknownConversation(ports, id);
}

/** `null`: there is none. A refusal: there is one, of others. */
async function existing(ports: Ports, actor: Actor, id: string): Promise<Opened | Refusal | null> {
  const found = await find(ports.database.tables<Tables>(), { ...actor, id });
  if (found === null) return null;
  if (isService(actor)) return openedBy({ ...found, member: null }, false);
  return found.member?.status === 'active' ? openedBy(found, false) : unknownConversation(ports, id);
}

function openedBy({ conversation, member }: Found, isNew: boolean): Opened {
  return { conversation: conversationView(conversation, member), isNew };
}

async function make(ports: Ports, actor: Actor, made: New): Promise<Opened | Refusal> {
  const { host } = ports;
  const wrong = textProblem(ports, made);
  if (wrong !== null) return wrong;
  const isNew = await insert(ports, actor, made);
  if (isNew) {
    ports.counts?.conversation(made.kind);
    host.log.info('Conversation created', { conversation: made.id, kind: made.kind });
    await Promise.all([
      announceNew(ports, actor, { ...made, users: made.members.map((member) => member.user) }),
      isService(actor) && audit(ports, actor, 'create', made.id),
    ]);
  }
  const there = await existing(ports, actor, made.id);
  return there === null || host.isRefusal(there) ? (there ?? unknownConversation(ports, made.id)) : { ...there, isNew };
}

/** Of several who make it at the same time one does, and the others wait for its commit. */
async function insert(ports: Ports, { tenant, user }: Actor, made: New): Promise<boolean> {
  const { id, kind, name = null, description = null, metadata } = made;
  return ports.database.transaction<Tables, boolean>(async (tables) => {
    const { numInsertedOrUpdatedRows: rows } = await tables
      .insertInto('conversations')
      .values({
        tenant,
        id,
        kind,
        epoch: ports.host.random.id(),
        name,
        description,
        metadata: metadata === undefined ? null : JSON.stringify(metadata),
        created_by: user,
        is_told: false,
      })
      .onConflict((of) => of.doNothing())
      .executeTakeFirstOrThrow();
    if (rows === 0n) return false;
    const members = made.members.map((member) => ({
      tenant,
      conversation: id,
      user_id: member.user,
      role: member.role,
      label: member.label ?? null,
    }));
    if (members.length > 0) await tables.insertInto('members').values(members).execute();
    return true;
  });
}

/** Also of a change. */
export function textProblem(
  { host, settings }: Ports,
  given: {
    readonly name?: string | null | undefined;
    readonly description?: string | null | undefined;
    readonly metadata?: Metadata | undefined;
  },
): Refusal | null {
  const tooLong = (field: string, what: string, max: number, got: number): Refusal =>
    host.refuse('invalid_field', `${field}: expected at most ${max} ${what}, got ${got}`);
  const name = given.name?.length ?? 0;
  if (name > settings.max_name) return tooLong('name', 'characters', settings.max_name, name);
  const description = given.description?.length ?? 0;
  if (description > settings.max_description)
    return tooLong('description', 'characters', settings.max_description, description);
  const bytes = given.metadata === undefined ? 0 : Buffer.byteLength(JSON.stringify(given.metadata));
  return bytes > settings.max_metadata_bytes ? tooLong('metadata', 'bytes', settings.max_metadata_bytes, bytes) : null;
}
