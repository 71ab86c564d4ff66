/** What stands in `outbound-genesys-messages`: what agents write goes into the conversation and to the phone, in the order in which it came. */
import type { Outcome, QueueMessage } from '../../../queue/queue.ts';
import type { Tenant } from '../../tenants/public.ts';
import { tellFailed } from '../desk/failed-receipt.ts';
import { claimOf, stagesOf } from '../ingress/envelopes.ts';
import { correlate, lastNumberOf, mapMessage, type Mapped } from '../mapping/mapping.ts';
import { advance, mark } from '../mapping/message-rows.ts';
import { ConversationError, type Telling } from '../inbound/telling.ts';
import { DESK } from '../ports.ts';
import type { Tables } from '../tables.ts';
import { isFields } from '../transforms/fields.ts';
import { deskNews } from '../transforms/from-genesys.ts';
import type { DeskMessage, DeskReceipt, DeskTyping } from '../transforms/message.ts';
import { conversationBodies } from '../transforms/to-conversation.ts';
import { whatsappMessages, whatsappRead } from '../transforms/to-whatsapp.ts';
import { isEcho } from './echoes.ts';
import { postMessage } from './graph.ts';
import { partsOf } from './parts.ts';
import { sendPart, type EgressPorts } from './sending.ts';

const UNSUPPORTED = 'it is of a kind that this version cannot show on a phone';

export async function handleOutbound(
  ports: EgressPorts,
  telling: Telling,
  message: QueueMessage,
  signal: AbortSignal,
): Promise<Outcome> {
  const tenant = await ports.tenants.get(message.tenant);
  if (tenant?.status !== 'active') return { dead: 'the tenant is not active' };
  const news = isFields(message.body) ? deskNews(message.body, message.queuedAt) : null;
  if (news === null || news.kind === 'other') return { dead: 'expected a message of Genesys Open Messaging' };
  try {
    if (news.kind !== 'message') return await tellCustomer(ports, tenant, news, signal);
    return await handleMessage(ports, telling, tenant, message, news, signal);
  } catch (error) {
    if (error instanceof ConversationError && !error.isTemporary) return { dead: error.message };
    throw error;
  }
}

async function handleMessage(
  ports: EgressPorts,
  telling: Telling,
  tenant: Tenant,
  message: QueueMessage,
  news: DeskMessage,
  signal: AbortSignal,
): Promise<Outcome> {
  if (await isEcho(ports, tenant.id, news)) {
    ports.counts.messages.add(1, 'echo');
    return undefined;
  }
  if (news.contents.length === 0) return { dead: 'the message says nothing that a phone can show' };
  const mapped = await mappedOf(ports, tenant, message, news);
  if (mapped === null) return { dead: 'the tenant has no number of WhatsApp' };
  if (news.conversation !== undefined && news.conversation !== mapped.mapping.desk_conversation)
    await correlate(ports, mapped.mapping, news.conversation);
  const told = await toldIn(ports, telling, mapped, news);
  const { phone_number_id: number } = told.customer;
  const bodies = whatsappMessages(news.to, news.contents);
  if (bodies.length === 0) {
    await advance(ports, told.message, 'failed', { reason: UNSUPPORTED });
    await tellFailed(ports, told.message, news, number);
    return { dead: UNSUPPORTED };
  }
  for (const part of await partsOf(ports, told, bodies)) {
    const sent = await sendPart(ports, part, number, message, signal);
    if (sent.kind === 'done') continue;
    await tellFailed(ports, part.row, news, number);
    return sent.outcome;
  }
  return undefined;
}

async function mappedOf(
  ports: EgressPorts,
  tenant: Tenant,
  message: QueueMessage,
  news: DeskMessage,
): Promise<Mapped | null> {
  const { host } = ports;
  const number = (await lastNumberOf(ports, tenant.id, news.to)) ?? tenant.phoneNumberIds[0];
  if (number === undefined) return null;
  const [first] = news.contents;
  return mapMessage(
    ports,
    { tenant: tenant.id, phoneNumberId: number, number: news.to },
    {
      direction: 'out',
      kind: first?.kind === 'media' ? first.media : (first?.kind ?? 'text'),
      deskId: news.id,
      claim: claimOf(message),
      stages: stagesOf(message, host.node, host.clock.now()),
      ...(first?.kind === 'unsupported' && { raw: JSON.stringify(first.raw) }),
    },
  );
}

/** Members read it before the phone does: the conversation says what became of it later. */
async function toldIn(ports: EgressPorts, telling: Telling, mapped: Mapped, news: DeskMessage): Promise<Mapped> {
  if (mapped.message.sequence !== null) return mapped;
  const told = await telling.tell(mapped, DESK, conversationBodies(news.contents, null));
  await mark(ports, mapped.message, 'conversation', { ...told });
  return { ...mapped, message: { ...mapped.message, ...told } };
}

/** An agent has read what the customer wrote last, or types. Once: it is of no use later. */
async function tellCustomer(
  ports: EgressPorts,
  tenant: Tenant,
  news: DeskReceipt | DeskTyping,
  signal: AbortSignal,
): Promise<Outcome> {
  const last = await lastOf(ports, tenant.id, news);
  if (last === null) return undefined;
  const { wamid, sequence, mapping, number } = last;
  if (news.kind === 'receipt' && sequence !== null)
    await ports.conversations.move({
      tenant: tenant.id,
      user: DESK,
      conversation: mapping,
      to: sequence,
      is: news.status,
    });
  const isForPhone = news.kind === 'typing' ? news.isTyping : news.status === 'read';
  if (wamid === null || !isForPhone) return undefined;
  const place = { tenant: tenant.id, phoneNumberId: number };
  const outcome = await postMessage(ports, place, whatsappRead(wamid, news.kind === 'typing'), signal);
  ports.counts.messages.add(1, outcome.kind === 'sent' ? `${news.kind} told` : `${news.kind} lost`);
  return undefined;
}

/** A receipt names the message by its id at Genesys, or by ours; typing is about the newest one. */
async function lastOf(
  { database }: EgressPorts,
  tenant: string,
  news: DeskReceipt | DeskTyping,
): Promise<{
  readonly wamid: string | null;
  readonly sequence: number | null;
  readonly mapping: string;
  readonly number: string;
} | null> {
  const ids = [news.id, ...(news.kind === 'receipt' && news.channelId !== undefined ? [news.channelId] : [])];
  const query = database
    .tables<Tables>()
    .selectFrom('customers')
    .innerJoin('mappings', (join) =>
      join.onRef('mappings.tenant', '=', 'customers.tenant').onRef('mappings.customer', '=', 'customers.id'),
    )
    .innerJoin('messages', (join) =>
      join.onRef('messages.tenant', '=', 'mappings.tenant').onRef('messages.mapping', '=', 'mappings.id'),
    )
    .select(['messages.wamid', 'messages.sequence', 'messages.mapping', 'customers.phone_number_id as number'])
    .where('customers.tenant', '=', tenant)
    .where('customers.number', '=', news.to)
    .where('messages.direction', '=', 'in');
  const asked =
    news.kind === 'receipt'
      ? query.where((is) => is.or([is('messages.desk_id', 'in', ids), is('messages.id', 'in', ids)]))
      : query.where('mappings.status', '=', 'active');
  const row = await asked.orderBy('messages.created_at', 'desc').limit(1).executeTakeFirst();
  return row ?? null;
}
