/** A message of either side as one of a conversation of this server, so that history, receipts and replay are those of conversations. */
import type { JsonValue } from '../../../protocol/frames.ts';
import { cleanText } from './fields.ts';
import type { Content } from './message.ts';
import { plainText } from './plain.ts';
import { splitText } from './split-text.ts';

export interface ConversationBody {
  readonly type: 'text' | 'image' | 'video' | 'audio' | 'file';
  readonly content?: string;
  readonly attachments?: readonly string[];
  readonly metadata: Readonly<Record<string, JsonValue>>;
}

/** Characters of one message. */
export const MAX_CONTENT = 8_000;
const MAX_URL = 1_000;
const TYPES = { image: 'image', sticker: 'image', video: 'video', audio: 'audio', document: 'file' } as const;

/** What became of a file: `stored` here, `linked` where it is, or why there is only a text of it. */
export type MediaState = 'stored' | 'pending' | 'failed' | 'too_large' | 'wrong_type' | 'linked';

/** The file of a message that is stored here, as `attachments` of conversations name it. */
export interface StoredMedia {
  readonly url: string;
}

/** @param media of a message with a file: what became of it */
export function conversationBodies(
  contents: readonly Content[],
  media: { readonly state: MediaState; readonly file?: StoredMedia } | null,
): readonly ConversationBody[] {
  return contents.flatMap((content): readonly ConversationBody[] => {
    const metadata = { whatsapp: detailsOf(content, media?.state ?? null) };
    if (content.kind === 'media' && media?.file !== undefined) {
      const { caption } = content;
      const text = caption === undefined || caption.trim() === '' ? {} : { content: caption.slice(0, MAX_CONTENT) };
      return [{ type: TYPES[content.media], ...text, attachments: [media.file.url], metadata }];
    }
    const text = cleanText(plainText(content));
    return splitText(text.trim() === '' ? `[${content.kind}]` : text, MAX_CONTENT).map((part) => ({
      type: 'text' as const,
      content: part,
      metadata,
    }));
  });
}

/** For clients that show more than text. Bounded: metadata of a message are small. */
function detailsOf(content: Content, media: MediaState | null): Readonly<Record<string, JsonValue>> {
  const { kind } = content;
  switch (content.kind) {
    case 'media':
      return {
        kind,
        media: content.media,
        mime: content.mime.slice(0, 100),
        state: media ?? 'linked',
        ...(media === null && content.url !== undefined && { url: content.url.slice(0, MAX_URL) }),
      };
    case 'location':
      return { kind, latitude: content.latitude, longitude: content.longitude };
    case 'choice':
      return { kind, payload: content.payload.slice(0, 256) };
    case 'template':
      return { kind, name: content.name.slice(0, 200) };
    case 'unsupported':
      return { kind, type: content.type.slice(0, 100) };
    default:
      return { kind };
  }
}
