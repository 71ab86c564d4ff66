/** What stands in the queues: what came, as it came, and enough beside it to find it again. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { NewMessage, QueueMessage } from '../../../queue/queue.ts';
import { customerKey } from '../hashes.ts';
import { digestOf } from '../trace/underway.ts';
import { fieldsOf, optional, textOf, type Fields } from '../transforms/fields.ts';
import type { RawEvent } from '../transforms/from-whatsapp.ts';
import type { StageMark } from '../tables.ts';

/** A message or a status of WhatsApp; `file`: a message whose text was told, and whose file is still to come. */
export interface WhatsAppEnvelope extends RawEvent {
  readonly kind: 'message' | 'status' | 'file';
  readonly phoneNumberId: string;
}

const RECEIVED = 'received-at';
const VERIFIED = 'verified-at';
const BY = 'received-by';
/** Another one for each time that something is put into a queue: a replay keeps it, a repetition has its own. */
const CLAIM = 'claim';

interface Receipt {
  readonly tenant: string;
  /** When its webhook came, and when its signature was found good. */
  readonly received: number;
  readonly now: number;
  readonly node: string;
  readonly claim: string;
}

export function whatsappMessage(envelope: WhatsAppEnvelope, receipt: Receipt): NewMessage {
  const { kind, phoneNumberId, id, customer, name, raw } = envelope;
  return {
    id: `${kind[0]}-${digestOf(receipt.tenant, id)}-${receipt.claim}`,
    key: customerKey(receipt.tenant, customer),
    tenant: receipt.tenant,
    body: { kind, phoneNumberId, id, customer, ...optional('name', name), raw },
    headers: headersOf(receipt),
  };
}

/** @throws Error when it is none: somebody else has put it there */
export function readWhatsApp({ body }: QueueMessage): WhatsAppEnvelope {
  const fields = fieldsOf(body);
  const { kind } = fields;
  const [id, customer, phoneNumberId] = [fields['id'], fields['customer'], fields['phoneNumberId']].map(textOf);
  if ((kind !== 'message' && kind !== 'status' && kind !== 'file') || id === undefined || phoneNumberId === undefined)
    throw new Error('expected a message or a status of WhatsApp');
  const name = textOf(fields['name']);
  return { kind, id, customer: customer ?? '', phoneNumberId, ...optional('name', name), raw: fieldsOf(fields['raw']) };
}

/** @param customer digits */
export function deskMessage(id: string, customer: string, raw: Fields, receipt: Receipt): NewMessage {
  return {
    id: `g-${digestOf(receipt.tenant, id)}-${receipt.claim}`,
    key: customerKey(receipt.tenant, customer),
    tenant: receipt.tenant,
    body: raw,
    headers: headersOf(receipt),
  };
}

export function claimOf({ headers, id }: Pick<QueueMessage, 'headers' | 'id'>): string {
  return headers[CLAIM] ?? id;
}

/** Steps before the one that handles it: when its webhook came, and when the queue had it. */
export function stagesOf({ headers, queuedAt }: QueueMessage, node: string, now: number): readonly StageMark[] {
  const by = headers[BY] ?? '';
  return [...webhookStages(headers, queuedAt), ['queued', queuedAt, by], ['taken', now, node]];
}

/** Steps of a webhook, of what it was put into the queue with. */
export function webhookStages(headers: Readonly<Record<string, string>>, otherwise: number): readonly StageMark[] {
  const by = headers[BY] ?? '';
  const timeOf = (name: string): number => {
    const at = Number(headers[name] ?? otherwise);
    return Number.isFinite(at) ? at : otherwise;
  };
  return [
    ['received', timeOf(RECEIVED), by],
    ['verified', timeOf(VERIFIED), by],
  ];
}

function headersOf({ received, now, node, claim }: Receipt): Readonly<Record<string, string>> {
  return { [RECEIVED]: String(received), [VERIFIED]: String(now), [BY]: node, [CLAIM]: claim };
}

export function jsonOf(bytes: Uint8Array): JsonValue | undefined {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as JsonValue;
  } catch {
    return undefined;
  }
}
