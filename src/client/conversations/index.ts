/** `signalbox/client/conversations`: the application conversations, as stores. docs/client.md, "Conversations"; the server's side: docs/conversations.md. */
import type { Client } from '../client.ts';
import type { Conversation } from './conversation.ts';
import { OwnConversations, type ConversationList } from './list.ts';
import { openConversation, shared } from './shared.ts';
import type { ConversationFacts } from './wire.ts';

export type { Conversation, ConversationSnapshot } from './conversation.ts';
export type { ConversationList, ListSnapshot } from './list.ts';
export type { MessageStatus, Receipts } from './positions.ts';
export type { ChatMessage } from './snapshot.ts';
export type { ConversationFacts, ListedConversation, MemberFacts, MessageBody, Reaction } from './wire.ts';

export type NewConversation =
  | { readonly kind: 'private'; readonly with: string; readonly metadata?: object }
  | { readonly kind: 'group'; readonly members: readonly string[]; readonly name?: string; readonly metadata?: object }
  | { readonly kind: 'space'; readonly space: string; readonly name?: string; readonly metadata?: object };

export interface Conversations {
  /** The same store each time. */
  list(): ConversationList;
  /** The same store for the same id. */
  open(id: string): Conversation;
  /** Makes it, or finds the one that there is. */
  create(what: NewConversation): Promise<{ readonly conversation: ConversationFacts; readonly isNew: boolean }>;
}

export function conversations(client: Client): Conversations {
  const list = (): OwnConversations => shared(client, 'conversations', () => new OwnConversations(client));
  return {
    list,
    open: (id) => openConversation(client, id),
    create: async (what) => {
      const made = (await client.request('X-ConversationCreate', what)) as Awaited<ReturnType<Conversations['create']>>;
      // Others are told by a message; on this device the page is to show it at once.
      if (made.isNew) await list().refresh();
      return made;
    },
  };
}
