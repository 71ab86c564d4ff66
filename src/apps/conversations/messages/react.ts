/** Reactions: one of a user with an emoji, however often it is given. */
import type { Refusal } from '../../../protocol/errors.ts';
import { changing, type Locked } from '../members/change.ts';
import { may } from '../members/roles.ts';
import { unknownConversation } from '../members/standing.ts';
import type { Actor } from '../ports.ts';
import { emojiProblem } from './body.ts';
import { messageIdOf } from './payload.ts';
import { messageAt, noSuchMessage } from './placed.ts';
import { refuseField, type MessagePorts } from './ports.ts';

export interface ReactInput {
  readonly conversation: string;
  readonly sequence: number;
  readonly emoji: string;
  /** Takes it back. */
  readonly isRemoved?: boolean | undefined;
}

export interface Reacted {
  readonly id: string;
  /** Of the message. */
  readonly of: number;
  /** Of the event that tells it; `null` where nothing was changed. */
  readonly sequence: number | null;
  /** How many have given this emoji now. */
  readonly count: number;
}

/** Of one user to one message. */
const MOST = 20;
/** Different ones at one message, of all its members: a page shows them all, of each of its messages. */
const MOST_DIFFERENT = 100;

export async function react(
  ports: MessagePorts,
  actor: Actor,
  { conversation: id, sequence: of, emoji, isRemoved = false }: ReactInput,
): Promise<Reacted | Refusal> {
  const problem = emojiProblem(emoji);
  if (problem !== null) return refuseField(ports, problem);
  return changing<Reacted>(ports, actor, id, async (locked) => {
    const { me, next, conversation } = locked;
    if (me?.status !== 'active') return unknownConversation(ports, id);
    const row = await messageAt(locked, of);
    if (row === null) return noSuchMessage(ports, id, of);
    if (!may(me, 'send')) return ports.host.refuse('not_allowed', 'expected a member who may send here');
    if (row.deleted_at !== null || conversation.status === 'closed')
      return ports.host.refuse('wrong_state', 'expected a message that is there, in a conversation that is open');
    const given = await reactionsTo(locked, of);
    const mine = given.filter((it) => it.user_id === actor.user);
    const isThere = mine.some((it) => it.emoji === emoji);
    const count = given.filter((it) => it.emoji === emoji).length;
    const answer = { id: messageIdOf(id, of), of };
    if (isThere !== isRemoved) return { answer: { ...answer, sequence: null, count } };
    if (!isRemoved && mine.length >= MOST)
      return refuseField(ports, { field: 'emoji', problem: `expected at most ${MOST} of one user to one message` });
    if (!isRemoved && count === 0 && new Set(given.map((it) => it.emoji)).size >= MOST_DIFFERENT)
      return refuseField(ports, { field: 'emoji', problem: `expected at most ${MOST_DIFFERENT} different ones` });
    await store(locked, { of, emoji, user: actor.user, isRemoved });
    const payload = { event: 'reaction', of, emoji, added: !isRemoved };
    return { answer: { ...answer, sequence: next, count: count + (isRemoved ? -1 : 1) }, events: [{ payload }] };
  });
}

async function reactionsTo(
  { tables, conversation: { tenant, id } }: Locked,
  of: number,
): Promise<readonly { readonly user_id: string; readonly emoji: string }[]> {
  return tables
    .selectFrom('reactions')
    .select(['user_id', 'emoji'])
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('sequence', '=', of)
    .execute();
}

async function store(
  { tables, conversation: { tenant, id } }: Locked,
  {
    of,
    emoji,
    user,
    isRemoved,
  }: { readonly of: number; readonly emoji: string; readonly user: string; readonly isRemoved: boolean },
): Promise<void> {
  const row = { tenant, conversation: id, sequence: of, user_id: user, emoji };
  if (!isRemoved) return void (await tables.insertInto('reactions').values(row).execute());
  await tables
    .deleteFrom('reactions')
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('sequence', '=', of)
    .where('user_id', '=', user)
    .where('emoji', '=', emoji)
    .execute();
}
