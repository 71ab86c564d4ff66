/** Conversations as the clients of a complete chat know them (guide 003). */
import type { JsonValue } from '../../../protocol/frames.ts';
import { present } from '../facade-message.ts';
import type { Shown } from '../members/members.ts';
import type { MemberView } from '../members/view.ts';
import { messageIdOf } from '../messages/payload.ts';
import type { LastMessage, ListedConversation } from '../positions/list.ts';

export type ChatConversation = Readonly<Record<string, JsonValue>>;

/** In a list: the others by name, and the beginning of the last message. */
export function listedConversation(listed: ListedConversation): ChatConversation {
  const { id, kind, status, name, metadata, unread, readTo, lastMessage, lastMessageAt, others, members } = listed;
  return {
    id,
    type: kind.toUpperCase(),
    status: status.toUpperCase(),
    name,
    metadata: metadata ?? {},
    participants: others.map(({ user }) => ({ userId: user })),
    participantCount: members,
    unreadCount: unread,
    lastReadMessageId: readTo === 0 ? null : messageIdOf(id, readTo),
    lastMessage: lastMessage === null ? null : preview(id, lastMessage),
    lastMessageAt,
  };
}

/** By itself, with its members. */
export function shownConversation({ conversation, members }: Shown): ChatConversation {
  const { id, kind, status, name, description, metadata, createdBy, createdAt, lastMessageAt, me } = conversation;
  const { unread = 0, readTo = 0 } = (me ?? {}) as { readonly unread?: number; readonly readTo?: number };
  return present({
    id,
    type: capitals(kind),
    status: capitals(status),
    name: name ?? null,
    description: description ?? null,
    metadata: metadata ?? {},
    participants: members?.map(participant),
    unreadCount: unread,
    lastReadMessageId: readTo === 0 ? null : messageIdOf(id, readTo),
    lastMessageAt,
    createdBy,
    createdAt,
    updatedAt: lastMessageAt,
  });
}

function participant({ user, role, status, joinedAt, ...flags }: MemberView): ChatConversation {
  return present({
    userId: user,
    role: capitals(role),
    status: capitals(status),
    joinedAt,
    canSendMessages: flags['canSend'],
    canUploadFiles: flags['canUpload'],
    canAddMembers: flags['canAdd'],
    canRemoveMembers: flags['canRemove'],
  });
}

function preview(id: string, last: LastMessage): ChatConversation {
  const { from, type, preview: content, isDeleted, sentAt } = last;
  return {
    id: last.id,
    conversationId: id,
    senderId: from,
    type: type.toUpperCase(),
    content: content ?? '',
    isDeleted,
    createdAt: sentAt,
  };
}

function capitals(word: JsonValue | undefined): string | undefined {
  return typeof word === 'string' ? word.toUpperCase() : undefined;
}
