/** A message as façades are given it, wherever it comes from: a page, a publication, or the answer to its sender. */
import type { JsonValue } from '../../protocol/frames.ts';
import type { PublishedEvent } from '../app.ts';
import { messageIdOf, type MessagePayload } from './messages/payload.ts';
import type { SentMessage } from './messages/send.ts';
import type { MessageView } from './messages/view.ts';
import type { Actor } from './ports.ts';
import { conversationOf, topicOf } from './topic.ts';

export type FacadeMessage = Omit<MessageView, 'reactions'> & { readonly reactions?: MessageView['reactions'] };

/** `null` where a publication is no message but tells of a change. */
export function messageOf({ topic, sequence = 0, from, timestamp, payload }: PublishedEvent): FacadeMessage | null {
  const { event, ...said } = payload as unknown as MessagePayload & { readonly n: number };
  if (event !== 'message') return null;
  const conversation = conversationOf(topic);
  return {
    ...said,
    ...(said.deleted === true && { deletedAt: timestamp }),
    id: messageIdOf(conversation, sequence),
    conversation,
    sequence,
    from,
    timestamp,
  };
}

/** What was just sent, as its page has it. */
export function sentMessage({ user: from }: Pick<Actor, 'user'>, sent: SentMessage): FacadeMessage {
  const { conversation, epoch, sequence, timestamp, payload } = sent;
  const topic = topicOf(conversation);
  const message = messageOf({ type: 'Broadcast', topic, epoch, sequence, timestamp, from, payload, replayed: false });
  if (message === null) throw new TypeError('expected a message');
  return message;
}

export function iso(timestamp: number): string {
  return new Date(timestamp).toISOString();
}

/** Without what is not there: JSON has no `undefined`. */
export function present(object: Readonly<Record<string, JsonValue | undefined>>): Readonly<Record<string, JsonValue>> {
  return Object.fromEntries(
    Object.entries(object).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined),
  );
}
