/** What Genesys is told of a customer: requests of its Open Messaging API, without where they are sent. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Content, CustomerMessage, MediaContent, MediaKind, StatusNews } from './message.ts';
import { optional } from './fields.ts';
import { plainText } from './plain.ts';
import { splitText } from './split-text.ts';

/** Below `/api/v2/conversations/messages/{integration}/inbound/open/`. */
export interface DeskRequest {
  readonly path: 'message' | 'receipt';
  readonly body: Readonly<Record<string, JsonValue>>;
}

/** UTF-16 units of a text that Genesys takes. */
const MAX_TEXT = 8_000;
const ATTACHMENTS: Readonly<Record<MediaKind, string>> = {
  image: 'Image',
  sticker: 'Image',
  video: 'Video',
  audio: 'Audio',
  document: 'File',
};

/** @param id of the message in this application: it comes back when Genesys echoes. Further parts of a long text have `.2`, `.3`, … */
export function genesysMessages(id: string, message: CustomerMessage): readonly DeskRequest[] {
  const { content } = message;
  const text = textFor(content);
  const parts = text === undefined ? [undefined] : splitText(text, MAX_TEXT);
  return parts.map((part, index) => ({
    path: 'message' as const,
    body: {
      channel: {
        messageId: index === 0 ? id : `${id}.${index + 1}`,
        from: { id: `+${message.from}`, idType: 'Phone', ...optional('nickname', message.name) },
        time: new Date(message.at).toISOString(),
      },
      ...optional('text', part),
      ...(index === 0 && contentsFor(content)),
      metadata: { kind: content.kind, ...optional('replyTo', message.replyTo) },
    },
  }));
}

/** What became of a message of an agent. @param id as Genesys called it */
export function genesysReceipt(id: string, { to, status, at, reason }: StatusNews): DeskRequest {
  const names = { sent: 'Sent', delivered: 'Delivered', read: 'Read', failed: 'Failed' } as const;
  return {
    path: 'receipt',
    body: {
      id,
      channel: { to: { id: `+${to}` }, time: new Date(at).toISOString() },
      status: names[status],
      ...(status === 'failed' && { reasons: [{ code: 'GeneralError', message: reason ?? 'the message failed' }] }),
      isFinalReceipt: status === 'read' || status === 'failed',
    },
  };
}

function textFor(content: Content): string | undefined {
  if (content.kind === 'media') return content.url === undefined ? plainText(content) : content.caption;
  return plainText(content);
}

function contentsFor(content: Content): { readonly content?: JsonValue } {
  if (content.kind === 'media' && content.url !== undefined) return { content: [attachment(content)] };
  if (content.kind !== 'choice') return {};
  const { text, payload } = content;
  return { content: [{ contentType: 'ButtonResponse', buttonResponse: { type: 'Button', text, payload } }] };
}

function attachment({ media, mime, url = '', name, id }: MediaContent): JsonValue {
  return {
    contentType: 'Attachment',
    attachment: {
      mediaType: ATTACHMENTS[media],
      url,
      mime,
      ...optional('id', id),
      ...optional('filename', name),
    },
  };
}
