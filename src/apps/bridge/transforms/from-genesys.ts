/** What Genesys's Open Messaging webhook tells, as this application understands it. */
import { digitsOf, fieldsOf, isFields, listOf, optional, textOf, type Fields } from './fields.ts';
import type { Content, DeskNews, MediaKind } from './message.ts';
import type { JsonValue } from '../../../protocol/frames.ts';

const MEDIA: Readonly<Record<string, MediaKind>> = {
  Image: 'image',
  Video: 'video',
  Audio: 'audio',
  File: 'document',
};
const MAX_ID = 200;

/** The integration that a webhook is about, to find its tenant; `null` when it says none. */
export function integrationOf(body: unknown): string | null {
  if (!isFields(body)) return null;
  const { from, to } = fieldsOf(body['channel']);
  // Outbound messages come from the integration, and what is injected goes to it.
  const side = body['direction'] === 'Inbound' ? to : from;
  return textOf(fieldsOf(side)['id']) ?? null;
}

/** `null` when it is nothing of Open Messaging: without an id, or without a customer. @param now what has no time is of now */
export function deskNews(body: unknown, now: number): DeskNews | null {
  const integration = integrationOf(body);
  if (!isFields(body) || integration === null) return null;
  const channel = fieldsOf(body['channel']);
  const id = textOf(body['id']) ?? textOf(channel['messageId']);
  const customer = body['direction'] === 'Inbound' ? channel['from'] : channel['to'];
  const to = digitsOf(textOf(fieldsOf(customer)['id']) ?? '');
  if (id === undefined || id.length > MAX_ID || to === '') return null;
  const common = { id, integration, to };
  const type = textOf(body['type']) ?? 'unknown';
  if (type === 'Text' || type === 'Structured')
    return {
      kind: 'message',
      ...common,
      ...optional('channelId', textOf(channel['messageId'])),
      ...optional('conversation', textOf(body['conversationId'])),
      at: timeOf(channel['time'], now),
      contents: contentsOf(body),
      ...(body['originatingEntity'] === 'Bot' && { isByBot: true as const }),
    };
  if (type === 'Receipt') {
    const status = textOf(body['status'])?.toLowerCase();
    return status === 'delivered' || status === 'read'
      ? { kind: 'receipt', ...common, ...optional('channelId', textOf(channel['messageId'])), status }
      : { kind: 'other', ...common, type: `Receipt ${status ?? ''}` };
  }
  const typing = listOf(body['events'])
    .map(fieldsOf)
    .find((event) => event['eventType'] === 'Typing');
  if (type === 'Event' && typing !== undefined)
    return { kind: 'typing', ...common, isTyping: fieldsOf(typing['typing'])['type'] !== 'Off' };
  return { kind: 'other', ...common, type };
}

function contentsOf(body: Fields): readonly Content[] {
  const text = textOf(body['text']);
  const items = listOf(body['content']).map(fieldsOf);
  const offered = items.flatMap((item) => choicesOf(item));
  const others = items.flatMap((item) => contentOf(item));
  if (offered.length > 0) return [...others, { kind: 'offer', text: text ?? '…', choices: offered }];
  if (text === undefined) return others;
  const [first, ...rest] = others;
  // A file and its text are one message at WhatsApp, where the kind has a caption.
  if (first?.kind === 'media' && first.media !== 'audio' && first.caption === undefined)
    return [{ ...first, caption: text }, ...rest];
  if (first?.kind === 'template') return [{ ...first, text }, ...rest];
  if (first?.kind === 'choice') return others;
  return [{ kind: 'text', text }, ...others];
}

function choicesOf(item: Fields): readonly { readonly text: string; readonly payload: string }[] {
  const { quickReply } = item;
  if (item['contentType'] !== 'QuickReply') return [];
  const { text, payload } = fieldsOf(quickReply);
  const said = textOf(text);
  return said === undefined ? [] : [{ text: said, payload: textOf(payload) ?? said }];
}

/** By `contentType`. Nothing for what {@link choicesOf} reads. */
const READERS: Readonly<Record<string, (item: Fields) => Content | null>> = {
  Attachment: (item) => {
    const { mediaType, url, mime, filename, id, text } = fieldsOf(item['attachment']);
    const link = textOf(url);
    if (link === undefined) return null;
    return {
      kind: 'media',
      media: MEDIA[textOf(mediaType) ?? ''] ?? 'document',
      mime: textOf(mime) ?? 'application/octet-stream',
      ...optional('id', textOf(id)),
      url: link,
      ...optional('name', textOf(filename)),
      ...optional('caption', textOf(text)),
    };
  },
  ButtonResponse: (item) => {
    const { text, payload } = fieldsOf(item['buttonResponse']);
    const said = textOf(text);
    return said === undefined ? null : { kind: 'choice', text: said, payload: textOf(payload) ?? said };
  },
  Notification: (item) => {
    const { id, language, body } = fieldsOf(item['template']);
    const name = textOf(id);
    if (name === undefined) return null;
    const parameters = listOf(fieldsOf(body)['parameters']).map((one) => textOf(fieldsOf(one)['text']) ?? '');
    return { kind: 'template', name, language: textOf(language) ?? 'en', parameters };
  },
  Card: (item) => cardOf(fieldsOf(item['card'])),
};

function contentOf(item: Fields): readonly Content[] {
  const type = textOf(item['contentType']) ?? 'unknown';
  if (type === 'QuickReply') return [];
  if (type === 'Carousel')
    return listOf(fieldsOf(item['carousel'])['cards']).flatMap((card) => cardOf(fieldsOf(card)) ?? []);
  return [READERS[type]?.(item) ?? { kind: 'unsupported', type, raw: item }];
}

/** A card with answers is an offer; one without is a text. */
function cardOf(card: Fields): Content | null {
  const text = [textOf(card['title']), textOf(card['description'])].filter((part) => part !== undefined).join('\n');
  const choices = listOf(card['actions']).flatMap((action) => {
    const { type, text: said, payload, url } = fieldsOf(action);
    const label = textOf(said);
    if (label === undefined) return [];
    return [{ text: label, payload: (type === 'Link' ? textOf(url) : textOf(payload)) ?? label }];
  });
  if (text === '' && choices.length === 0) return null;
  return choices.length === 0 ? { kind: 'text', text } : { kind: 'offer', text: text === '' ? '…' : text, choices };
}

function timeOf(time: JsonValue | undefined, now: number): number {
  const at = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return Number.isNaN(at) || at <= 0 ? now : Math.min(at, now);
}
