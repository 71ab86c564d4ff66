/** "Where is my message": the way of a message from the webhook to the phone, by what somebody has of it. Numbers are masked. */
import { maskedNumber, type Ports } from '../ports.ts';
import type { MessageRow, Tables } from '../tables.ts';
import type { StageMark } from '../tables.ts';
import { explain } from './explain.ts';
import { MAX_FATES, publishedOf, type PublishedMessage } from './published.ts';

export interface Asked {
  /** WhatsApp's id. */
  readonly wamid?: string | undefined;
  /** Of Genesys. */
  readonly genesysId?: string | undefined;
  /** Of this application, or of the message in its conversation. */
  readonly id?: string | undefined;
  /** Digits of the customer: the newest messages. */
  readonly number?: string | undefined;
  readonly limit: number;
}

export interface Step {
  readonly stage: string;
  /** ISO 8601. */
  readonly at: string;
  readonly node: string;
  /** Milliseconds since the step before. */
  readonly afterMs: number;
  /** Why it went wrong. */
  readonly reason?: string;
}

export interface TracedMessage {
  readonly id: string;
  readonly direction: 'in' | 'out';
  readonly kind: string;
  readonly status: MessageRow['status'];
  readonly reason: string | null;
  readonly media: string | null;
  /** `+49…89`. */
  readonly number: string;
  readonly phoneNumberId: string;
  /** Whether WhatsApp has given it an id: the id itself holds the number. */
  readonly hasWamid: boolean;
  readonly genesysId: string | null;
  readonly conversation: string;
  readonly genesysConversation: string | null;
  /** Its place in the conversation: `./signalbox trace` goes on from there. */
  readonly sequence: number | null;
  /** What the server knows of it; `null` when it is in no conversation, or when newer ones fill the answer. */
  readonly published: PublishedMessage | null;
  readonly steps: readonly Step[];
  /** In a sentence. */
  readonly says: string;
}

/** @returns with the ids of both sides, which stay inside: a `wamid` holds the number */
export async function traceMessages(
  ports: Pick<Ports, 'database' | 'host' | 'conversations'>,
  tenant: string,
  { wamid, genesysId, id, number, limit }: Asked,
): Promise<{ readonly messages: readonly TracedMessage[]; readonly ids: readonly string[] }> {
  let query = ports.database
    .tables<Tables>()
    .selectFrom('messages')
    .innerJoin('mappings', (join) =>
      join.onRef('mappings.tenant', '=', 'messages.tenant').onRef('mappings.id', '=', 'messages.mapping'),
    )
    .innerJoin('customers', (join) =>
      join.onRef('customers.tenant', '=', 'mappings.tenant').onRef('customers.id', '=', 'mappings.customer'),
    )
    .selectAll('messages')
    .select(['mappings.desk_conversation', 'customers.number', 'customers.phone_number_id'])
    .where('messages.tenant', '=', tenant);
  if (wamid !== undefined) query = query.where('messages.wamid', '=', wamid);
  if (genesysId !== undefined)
    query = query.where((is) => is.or([is('messages.desk_id', '=', genesysId), is('messages.id', '=', genesysId)]));
  if (id !== undefined)
    query = query.where((is) => is.or([is('messages.id', '=', id), is('messages.published', '=', id)]));
  if (number !== undefined) query = query.where('customers.number', '=', number);
  const rows = await query.orderBy('messages.created_at', 'desc').limit(limit).execute();
  const ids = rows.flatMap(({ wamid: ofPhone, desk_id: ofDesk }) => [ofPhone, ofDesk].filter((one) => one !== null));
  const published = await Promise.all(
    rows.slice(0, MAX_FATES).map(async ({ published: idThere, sequence, mapping }) => {
      const topic = ports.conversations.topicOf(mapping);
      return idThere === null || sequence === null ? null : publishedOf(ports, { id: idThere, topic, sequence });
    }),
  );
  const messages = rows.map((row, at) => ({
    id: row.id,
    direction: row.direction,
    kind: row.kind,
    status: row.status,
    reason: row.reason,
    media: row.media,
    number: maskedNumber(row.number),
    phoneNumberId: row.phone_number_id,
    hasWamid: row.wamid !== null,
    genesysId: row.desk_id,
    conversation: row.mapping,
    genesysConversation: row.desk_conversation,
    sequence: row.sequence,
    published: published[at] ?? null,
    steps: stepsOf(row.stages.map((text) => JSON.parse(text) as StageMark)),
    says: explain(row),
  }));
  return { messages, ids };
}

export function stepsOf(marks: readonly StageMark[]): readonly Step[] {
  let before: number | null = null;
  return marks.map(([stage, at, node, reason]) => {
    const afterMs: number = before === null ? 0 : at - before;
    before = at;
    return { stage, at: new Date(at).toISOString(), node, afterMs, ...(reason !== undefined && { reason }) };
  });
}
