/** What a customer is sent: bodies of `POST /{phone number id}/messages` of Meta's Graph API. */
import type { JsonValue } from '../../../protocol/frames.ts';
import { optional } from './fields.ts';
import type { Content, MediaContent, OfferContent, TemplateContent } from './message.ts';
import { plainText } from './plain.ts';
import { cutText, splitText } from './split-text.ts';

export type GraphBody = Readonly<Record<string, JsonValue>>;

/** In UTF-16 units, as Meta counts them. */
const MOST = { text: 4_096, caption: 1_024, offer: 1_024, button: 20, row: 24, id: 256 } as const;
const MAX_BUTTONS = 3;
const MAX_ROWS = 10;

/**
 * The calls that say it, in order: a long text has several, and so has what WhatsApp cannot say in one. A kind that is not understood has none.
 * @param to digits
 * @param replyTo `wamid` of what the first of them answers
 */
export function whatsappMessages(to: string, contents: readonly Content[], replyTo?: string): readonly GraphBody[] {
  const said = contents.flatMap((content) => saidBy(content));
  return said.map((body, index) => ({
    messaging_product: 'whatsapp',
    recipient_type: 'individual',
    to,
    ...(index === 0 && replyTo !== undefined && { context: { message_id: replyTo } }),
    ...body,
  }));
}

/** That an agent has read what a customer wrote, or types an answer to it. */
export function whatsappRead(wamid: string, isTyping: boolean): GraphBody {
  return {
    messaging_product: 'whatsapp',
    status: 'read',
    message_id: wamid,
    ...(isTyping && { typing_indicator: { type: 'text' } }),
  };
}

function saidBy(content: Content): readonly GraphBody[] {
  switch (content.kind) {
    case 'media':
      return mediaBodies(content);
    case 'offer':
      return offerBodies(content);
    case 'location': {
      const { latitude, longitude, name, address } = content;
      const location = { latitude, longitude, ...optional('name', name), ...optional('address', address) };
      return [{ type: 'location', location }];
    }
    case 'contacts':
      return [{ type: 'contacts', contacts: content.contacts.map(contactOf) }];
    case 'template':
      return [{ type: 'template', template: templateOf(content) }];
    case 'reaction':
      return [{ type: 'reaction', reaction: { message_id: content.to, emoji: content.emoji } }];
    case 'unsupported':
      return [];
    default:
      return texts(plainText(content));
  }
}

function texts(text: string): readonly GraphBody[] {
  return splitText(text, MOST.text).map((body) => ({
    type: 'text',
    text: { preview_url: /https?:\/\//.test(body), body },
  }));
}

function mediaBodies(content: MediaContent): readonly GraphBody[] {
  const { media, url, id, name, caption } = content;
  const source = url === undefined ? optional('id', id) : { link: url };
  const hasCaption = media === 'image' || media === 'video' || media === 'document';
  const isShort = caption !== undefined && caption.length <= MOST.caption;
  const body: GraphBody = {
    type: media,
    [media]: {
      ...source,
      ...(hasCaption && isShort && { caption }),
      ...(media === 'document' && optional('filename', name)),
    },
  };
  return caption !== undefined && !(hasCaption && isShort) ? [body, ...texts(caption)] : [body];
}

/** Three buttons, or a list of ten; what is more is written out, and the customer answers in words. */
function offerBodies({ text, choices }: OfferContent): readonly GraphBody[] {
  const all = choices.map((choice, at) => ({ ...choice, payload: choice.payload.slice(0, MOST.id), at }));
  const isOne = new Set(all.map(({ payload }) => payload)).size === all.length;
  if (choices.length > MAX_ROWS || text.length > MOST.offer || !isOne)
    return texts(plainText({ kind: 'offer', text, choices }));
  const body = { text };
  if (choices.length <= MAX_BUTTONS) {
    const buttons = all.map(({ text: said, payload }) => ({
      type: 'reply',
      reply: { id: payload, title: cutText(said, MOST.button) },
    }));
    return [{ type: 'interactive', interactive: { type: 'button', body, action: { buttons } } }];
  }
  const rows = all.map(({ text: said, payload }) => ({
    id: payload.slice(0, 200),
    title: cutText(said, MOST.row),
    ...(said.length > MOST.row && { description: cutText(said, 72) }),
  }));
  const action = { button: '…', sections: [{ rows }] };
  return [{ type: 'interactive', interactive: { type: 'list', body, action } }];
}

function templateOf({ name, language, parameters }: TemplateContent): JsonValue {
  const body = { type: 'body', parameters: parameters.map((text) => ({ type: 'text', text })) };
  return { name, language: { code: language }, ...(parameters.length > 0 && { components: [body] }) };
}

function contactOf({ name, phones }: { readonly name: string; readonly phones: readonly string[] }): JsonValue {
  return { name: { formatted_name: name, first_name: name }, phones: phones.map((phone) => ({ phone })) };
}
