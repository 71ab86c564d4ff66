/** Messages as the clients of a marketplace know them (guide 000): a customer and an artist, texts and images. */
import type { JsonValue } from '../../../protocol/frames.ts';
import { recordOf } from '../event-arguments.ts';
import { iso, present, type FacadeMessage } from '../facade-message.ts';

export type MarketplaceMessage = Readonly<Record<string, JsonValue>>;

/** @param readAt when the other side had read it for certain; `null` as long as it has not */
export function marketplaceMessage(message: FacadeMessage, readAt: string | null = null): MarketplaceMessage {
  const {
    id,
    conversation,
    from,
    label,
    type,
    content = '',
    attachments = [],
    timestamp,
    deletedAt,
    metadata,
  } = message;
  return present({
    id,
    conversationId: conversation,
    senderId: from,
    senderRole: type === 'system' ? 'system' : (label ?? null),
    messageType: type,
    content: withoutTags(content),
    images: attachments.map(({ url }) => url),
    bookingId: metadata?.['bookingId'],
    sentAt: iso(timestamp),
    readAt,
    deletedAt: deletedAt === undefined ? undefined : iso(deletedAt),
  });
}

/** What a client sends, as the operation takes it. */
export function bodyOf(given: JsonValue | undefined): Readonly<Record<string, JsonValue>> {
  const { messageType: type, content, images, bookingId } = recordOf(given);
  return present({
    type,
    content: typeof content === 'string' ? withoutTags(content) : content,
    attachments: Array.isArray(images) && images.length === 0 ? undefined : images,
    metadata: bookingId === undefined || bookingId === null ? undefined : { bookingId },
  });
}

/**
 * Clients of this guide show texts as they are: no mark-up gets as far as them, from any sender. What is left when tags are
 * taken out may be one again, and one that has no end is ended by the page around it: so no `<` that is left begins a tag.
 */
export function withoutTags(text: string): string {
  return text.replaceAll(/<\/?[A-Za-z!][^<>]*>/g, '').replaceAll(/<(?=[A-Za-z!/?])/g, '< ');
}
