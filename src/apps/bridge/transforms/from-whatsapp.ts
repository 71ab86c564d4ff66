/** What Meta's webhook tells, as this application understands it. https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks */
import type { JsonValue } from '../../../protocol/frames.ts';
import { digitsOf, fieldsOf, isFields, listOf, numberOf, optional, textOf, type Fields } from './fields.ts';
import type { Content, CustomerMessage, MediaKind, Status, StatusNews } from './message.ts';

/** One change of a webhook: of one number of the business. */
export interface Change {
  /** `null`: about no number, as news of an account are. */
  readonly phoneNumberId: string | null;
  readonly messages: readonly RawEvent[];
  readonly statuses: readonly RawEvent[];
}

/** A message or a status as it came, with what is needed to put it into a queue. */
export interface RawEvent {
  /** `wamid`. */
  readonly id: string;
  /** The customer's digits. */
  readonly customer: string;
  readonly name?: string;
  readonly raw: Fields;
}

const MAX_ID = 256;
const MEDIA: ReadonlySet<string> = new Set(['image', 'video', 'audio', 'document', 'sticker']);
const STATUSES: ReadonlySet<string> = new Set(['sent', 'delivered', 'read', 'failed']);

/** The changes of a webhook; `null` when it is none of WhatsApp. */
export function changesOf(body: unknown): readonly Change[] | null {
  if (!isFields(body) || body['object'] !== 'whatsapp_business_account') return null;
  return listOf(body['entry']).flatMap((entry) =>
    listOf(fieldsOf(entry)['changes']).map((change) => changeOf(fieldsOf(fieldsOf(change)['value']))),
  );
}

function changeOf(value: Fields): Change {
  const names = new Map(
    listOf(value['contacts']).map((contact) => {
      const { wa_id: id, profile } = fieldsOf(contact);
      return [textOf(id), textOf(fieldsOf(profile)['name'])] as const;
    }),
  );
  return {
    phoneNumberId: textOf(fieldsOf(value['metadata'])['phone_number_id']) ?? null,
    messages: events(value['messages'], (raw) => {
      const from = textOf(raw['from']) ?? '';
      return { customer: digitsOf(from), ...optional('name', names.get(from)) };
    }),
    statuses: events(value['statuses'], (raw) => ({ customer: digitsOf(textOf(raw['recipient_id']) ?? '') })),
  };
}

/** An event without an id cannot be told once, and is left out. */
function events(list: JsonValue | undefined, more: (raw: Fields) => Omit<RawEvent, 'id' | 'raw'>): RawEvent[] {
  return listOf(list).flatMap((item) => {
    const raw = fieldsOf(item);
    const id = textOf(raw['id']);
    return id === undefined || id.length > MAX_ID ? [] : [{ id, raw, ...more(raw) }];
  });
}

/** @param now milliseconds since 1970: what claims to be of the future is of now */
export function customerMessage({ id, customer, name, raw }: RawEvent, now: number): CustomerMessage {
  const replyTo = textOf(fieldsOf(raw['context'])['id']);
  return {
    wamid: id,
    from: customer,
    ...optional('name', name),
    at: timeOf(raw['timestamp'], now),
    content: contentOf(raw),
    ...optional('replyTo', replyTo),
  };
}

/** `null` for a status that says nothing here: Meta adds some. */
export function statusNews({ id, customer, raw }: RawEvent, now: number): StatusNews | null {
  const { status } = raw;
  if (typeof status !== 'string' || !STATUSES.has(status)) return null;
  const [error] = listOf(raw['errors']).map(fieldsOf);
  const code = numberOf(error?.['code']);
  const reason = error === undefined ? undefined : [code, textOf(error['title'])].filter((it) => it !== undefined);
  return {
    wamid: id,
    to: customer,
    status: status as Status,
    at: timeOf(raw['timestamp'], now),
    ...optional('reason', reason?.join(' ')),
    ...optional('reference', textOf(raw['biz_opaque_callback_data'])),
  };
}

function timeOf(timestamp: JsonValue | undefined, now: number): number {
  const seconds = numberOf(timestamp);
  return seconds === undefined || seconds <= 0 ? now : Math.min(seconds * 1_000, now);
}

function contentOf(raw: Fields): Content {
  const type = textOf(raw['type']) ?? 'unknown';
  const own = fieldsOf(raw[type]);
  return (
    (MEDIA.has(type) ? mediaOf(type as MediaKind, own) : (READERS[type]?.(own, raw) ?? null)) ?? {
      kind: 'unsupported',
      type,
      raw,
    }
  );
}

/** By type. `null`: it is not what its type says. */
const READERS: Readonly<Record<string, (own: Fields, raw: Fields) => Content | null>> = {
  text: ({ body }) => textContent(textOf(body)),
  location: ({ latitude, longitude, name, address }) => {
    const [lat, lon] = [numberOf(latitude), numberOf(longitude)];
    return lat === undefined || lon === undefined
      ? null
      : {
          kind: 'location',
          latitude: lat,
          longitude: lon,
          ...optional('name', textOf(name)),
          ...optional('address', textOf(address)),
        };
  },
  contacts: (_, { contacts }) => ({
    kind: 'contacts',
    contacts: listOf(contacts).map((contact) => {
      const { name, phones } = fieldsOf(contact);
      return {
        name: textOf(fieldsOf(name)['formatted_name']) ?? textOf(fieldsOf(name)['first_name']) ?? '?',
        phones: listOf(phones).flatMap((phone) => textOf(fieldsOf(phone)['phone']) ?? []),
      };
    }),
  }),
  button: ({ text, payload }) => choiceContent(textOf(text), textOf(payload)),
  interactive: (own) => {
    const chosen = fieldsOf(own['button_reply'] ?? own['list_reply']);
    return choiceContent(textOf(chosen['title']), textOf(chosen['id']));
  },
  reaction: ({ emoji, message_id: to }) => {
    const about = textOf(to);
    return about === undefined ? null : { kind: 'reaction', emoji: textOf(emoji) ?? '', to: about };
  },
};

function mediaOf(media: MediaKind, own: Fields): Content | null {
  const id = textOf(own['id']);
  if (id === undefined) return null;
  return {
    kind: 'media',
    media,
    mime: (textOf(own['mime_type']) ?? 'application/octet-stream').split(';', 1)[0]?.trim() ?? '',
    id,
    ...optional('name', textOf(own['filename'])),
    ...optional('caption', textOf(own['caption'])),
    ...(own['voice'] === true && { isVoice: true as const }),
  };
}

function textContent(text: string | undefined): Content | null {
  return text === undefined || text.trim() === '' ? null : { kind: 'text', text };
}

function choiceContent(text: string | undefined, payload: string | undefined): Content | null {
  return text === undefined ? null : { kind: 'choice', text, payload: payload ?? text };
}
