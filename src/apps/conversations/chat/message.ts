/** Messages as the clients of a complete chat know them (guide 003): names in camel case, types in capitals. */
import type { JsonValue } from '../../../protocol/frames.ts';
import { iso, present, type FacadeMessage } from '../facade-message.ts';
import { recordOf } from '../event-arguments.ts';
import { placeOf } from '../message-id.ts';
import { messageIdOf } from '../messages/payload.ts';
import type { MessageStatus } from '../positions/status.ts';

export type ChatMessage = Readonly<Record<string, JsonValue>>;

/** @param status as its sender sees it; a message that is here was accepted at least */
export function chatMessage(message: FacadeMessage, status: MessageStatus = 'SENT'): ChatMessage {
  const { id, conversation, from, type, content = '', parent, thread, attachments = [], timestamp } = message;
  const { mentions, metadata, editedAt, deletedAt, reactions } = message;
  const idOf = (sequence: number | undefined): string | undefined =>
    sequence === undefined ? undefined : messageIdOf(conversation, sequence);
  return present({
    id,
    conversationId: conversation,
    senderId: from,
    type: type.toUpperCase(),
    content,
    status: deletedAt === undefined ? status : 'DELETED',
    parentMessageId: idOf(parent),
    threadId: idOf(thread),
    attachments: attachments.map(({ url, name, size, mime }) => ({ url, name, size, mime })),
    metadata: present({ ...metadata, mentions: mentions === undefined ? undefined : [...mentions] }),
    reactions: reactions?.map(({ emoji, count, mine }) => ({ emoji, count, mine })),
    serverTimestamp: iso(timestamp),
    createdAt: iso(timestamp),
    updatedAt: iso(editedAt ?? deletedAt ?? timestamp),
    deletedAt: deletedAt === undefined ? undefined : iso(deletedAt),
  });
}

/** What a client sends to a conversation, as the operation takes it. */
export function bodyOf(
  conversation: string,
  given: Readonly<Record<string, JsonValue>>,
): Readonly<Record<string, JsonValue>> {
  const { type = 'TEXT', content, attachments, metadata, parentMessageId } = given;
  const { mentions = given['mentions'], ...rest } = recordOf(metadata);
  return present({
    type: typeof type === 'string' ? type.toLowerCase() : type,
    content,
    // The operation knows uploads by their ids or URLs.
    attachments: Array.isArray(attachments) ? attachments.map(urlOf) : attachments,
    mentions,
    parent:
      parentMessageId === undefined || parentMessageId === null ? undefined : sequenceIn(conversation, parentMessageId),
    metadata: Object.keys(rest).length === 0 ? undefined : rest,
  });
}

/** Of a message of this conversation; 0, which is none, for every other id: the operation names the field. */
function sequenceIn(conversation: string, id: JsonValue): number {
  const place = typeof id === 'string' ? placeOf(id) : null;
  return place?.conversation === conversation ? place.sequence : 0;
}

function urlOf(attachment: JsonValue): JsonValue {
  return recordOf(attachment)['url'] ?? attachment;
}
