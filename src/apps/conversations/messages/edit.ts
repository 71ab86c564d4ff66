/** Edits of messages: the message's own place says what is true now, and an event in sequence tells it. */
import type { Refusal } from '../../../protocol/errors.ts';
import { changing } from '../members/change.ts';
import { may } from '../members/roles.ts';
import { unknownConversation } from '../members/standing.ts';
import type { Actor } from '../ports.ts';
import { contentProblem } from './body.ts';
import { messageAt, noSuchMessage, rewrite } from './placed.ts';
import { messageIdOf, readMessage, type MessagePayload } from './payload.ts';
import { refuseField, type MessagePorts } from './ports.ts';

export interface EditInput {
  readonly conversation: string;
  readonly sequence: number;
  readonly content: unknown;
}

export interface Edited {
  readonly id: string;
  /** Of the message. */
  readonly of: number;
  /** Of the event that tells it; `null` where nothing was changed. */
  readonly sequence: number | null;
}

/** By its sender alone, as long as they may send, and as `edit_secs` says. */
export async function edit(ports: MessagePorts, actor: Actor, input: EditInput): Promise<Edited | Refusal> {
  const { conversation: id, sequence: of, content } = input;
  return changing<Edited>(ports, actor, id, async (locked) => {
    const { me, conversation, now, next } = locked;
    if (me?.status !== 'active') return unknownConversation(ports, id);
    const row = await messageAt(locked, of);
    if (row === null) return noSuchMessage(ports, id, of);
    const before = readMessage(row.payload);
    if (row.sender !== actor.user || before.type === 'system' || !may(me, 'send'))
      return ports.host.refuse('not_allowed', 'expected the sender of the message');
    const ageMs = now.getTime() - row.sent_at.getTime();
    const { edit_secs: secs } = ports.settings;
    if (conversation.status === 'closed' || row.deleted_at !== null || (secs > 0 && ageMs > secs * 1_000))
      return ports.host.refuse('wrong_state', 'expected a message that can still be edited');
    const problem = contentProblem(before.type, content, ports.settings);
    if (problem !== null) return refuseField(ports, problem);
    const answer = { id: messageIdOf(id, of), of };
    if (before.content === content) return { answer: { ...answer, sequence: null } };
    const after = { ...before, content: String(content), edited: true } satisfies MessagePayload;
    await rewrite(locked, of, { payload: JSON.stringify(after), edited_at: now });
    const payload = { event: 'edited', of, content: after.content };
    return { answer: { ...answer, sequence: next }, events: [{ payload, about: of }], withdrawn: of };
  });
}
