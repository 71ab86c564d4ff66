/** Conversations as the clients of a marketplace know them (guide 000): one for each pair of a customer and an artist. */
import type { JsonValue } from '../../../protocol/frames.ts';
import { recordOf } from '../event-arguments.ts';
import type { ConversationView } from '../members/view.ts';
import type { ListedConversation } from '../positions/list.ts';
import { NO_SIDES, type Sides } from './sides.ts';

export type MarketplaceConversation = Readonly<Record<string, JsonValue>>;

/** @param user who asks; a backend is none of the two */
export function marketplaceConversation(
  conversation: ConversationView | ListedConversation,
  { customer, artist }: Sides = NO_SIDES,
  user: string | null = null,
): MarketplaceConversation {
  const { id, status, metadata, lastMessageAt } = conversation;
  const own = [customer, artist].find((side) => side?.user === user);
  return {
    id,
    customerId: customer?.user ?? null,
    artistId: artist?.user ?? null,
    bookingId: recordOf(metadata)['bookingId'] ?? null,
    status: status ?? null,
    lastMessageAt: lastMessageAt ?? null,
    unreadCount: own?.unread ?? unreadIn(conversation),
    unreadCountCustomer: customer?.unread ?? 0,
    unreadCountArtist: artist?.unread ?? 0,
    archivedAt: own?.archivedAt ?? null,
    ...lastMessageOf(conversation),
  };
}

function unreadIn(conversation: ConversationView | ListedConversation): number {
  const { unread } = 'unread' in conversation ? conversation : recordOf(conversation['me']);
  return typeof unread === 'number' ? unread : 0;
}

function lastMessageOf(conversation: ConversationView | ListedConversation): MarketplaceConversation {
  if (!('lastMessage' in conversation)) return {};
  const { lastMessage: last } = conversation as ListedConversation;
  if (last === null) return { lastMessage: null };
  const { id, from, type, preview, sentAt } = last;
  return { lastMessage: { id, senderId: from, messageType: type, content: preview ?? '', sentAt } };
}
