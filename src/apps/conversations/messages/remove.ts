/**
 * Deletions: a message's place stays, and nothing of what it said, neither in the table nor in the log. Its edits and its
 * reactions go with it.
 */
import type { Refusal } from '../../../protocol/errors.ts';
import { changing, type Locked } from '../members/change.ts';
import { may } from '../members/roles.ts';
import { unknownConversation } from '../members/standing.ts';
import { isService, type Actor } from '../ports.ts';
import { messageIdOf, readMessage, type MessagePayload } from './payload.ts';
import { messageAt, noSuchMessage, rewrite } from './placed.ts';
import type { MessagePorts } from './ports.ts';

export interface DeleteInput {
  readonly conversation: string;
  readonly sequence: number;
}

export interface Deleted {
  readonly id: string;
  /** Of the message. */
  readonly of: number;
  /** Of the event that tells it; `null` for one that was deleted before. */
  readonly sequence: number | null;
}

/** By its sender, by a moderator of the conversation, or by a backend. */
export async function remove(
  ports: MessagePorts,
  actor: Actor,
  { conversation: id, sequence: of }: DeleteInput,
): Promise<Deleted | Refusal> {
  return changing<Deleted>(ports, actor, id, async (locked) => {
    const { me, now, next } = locked;
    const isOfService = isService(actor);
    if (me?.status !== 'active' && !isOfService) return unknownConversation(ports, id);
    const row = await messageAt(locked, of);
    if (row === null) return noSuchMessage(ports, id, of);
    const { type, parent, thread } = readMessage(row.payload);
    const isOwn = row.sender === actor.user && type !== 'system';
    if (!isOwn && !isOfService && (me === null || !may(me, 'moderate')))
      return ports.host.refuse('not_allowed', 'expected the sender of the message, or a moderator');
    const answer = { id: messageIdOf(id, of), of };
    if (row.deleted_at !== null) return { answer: { ...answer, sequence: null } };
    const place = { ...(parent !== undefined && { parent }), ...(thread !== undefined && { thread }) };
    const tombstone: MessagePayload = { event: 'message', type, ...place, deleted: true };
    await rewrite(locked, of, { payload: JSON.stringify(tombstone), deleted_at: now });
    const newest = await emptyEdits(locked, of);
    const payload = { event: 'deleted', of };
    return { answer: { ...answer, sequence: next }, events: [{ payload, about: of }], withdrawn: newest };
  });
}

/** @returns the newest sequence that said something of the message */
async function emptyEdits({ tables, conversation: { tenant, id } }: Locked, of: number): Promise<number> {
  const edits = await tables
    .updateTable('events')
    .set({ payload: JSON.stringify({ event: 'edited', of, deleted: true }) })
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('about', '=', of)
    .returning('sequence')
    .execute();
  await tables
    .deleteFrom('reactions')
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('sequence', '=', of)
    .execute();
  return Math.max(of, ...edits.map(({ sequence }) => sequence));
}
