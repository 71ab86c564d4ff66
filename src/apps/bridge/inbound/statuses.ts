/** Statuses of WhatsApp: in any order, twice, of the future, of messages that nobody knows. The highest stays. */
import type { Outcome } from '../../../queue/queue.ts';
import { hasDesk, putToDesk } from '../desk/desk-queue.ts';
import type { WhatsAppEnvelope } from '../ingress/envelopes.ts';
import { advance, firstPartOf } from '../mapping/message-rows.ts';
import { customerUser, type Ports } from '../ports.ts';
import type { MessageRow, Tables } from '../tables.ts';
import { statusNews } from '../transforms/from-whatsapp.ts';
import type { StatusNews } from '../transforms/message.ts';
import { genesysReceipt } from '../transforms/to-genesys.ts';

export async function applyStatus(ports: Ports, tenant: string, envelope: WhatsAppEnvelope): Promise<Outcome> {
  const news = statusNews(envelope, ports.host.clock.now());
  const found = news === null ? null : await find(ports, tenant, news);
  if (news === null || found === null) {
    ports.counts.statuses.add(1, 'unknown');
    return undefined;
  }
  const row = await advance(ports, found, news.status, {
    // A message whose answer was lost gets its id here.
    ...(found.wamid === null && { wamid: news.wamid }),
    ...(news.status === 'failed' && { reason: news.reason ?? 'failed' }),
    // Why nobody knew is of no use any more; why it failed is.
    ...(news.status !== 'failed' && found.rank === 0 && { reason: null }),
  });
  ports.counts.statuses.add(1, row === null ? 'older' : news.status);
  if (row === null) return undefined;
  await Promise.all([tellMembers(ports, row, news), tellDesk(ports, row, news, envelope.phoneNumberId)]);
  return undefined;
}

/** By what was sent along with it, else by its id. */
async function find({ database }: Ports, tenant: string, news: StatusNews): Promise<MessageRow | null> {
  const query = database
    .tables<Tables>()
    .selectFrom('messages')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('direction', '=', 'out');
  const { reference, wamid } = news;
  const referred =
    reference === undefined ? undefined : await query.where('id', '=', reference).limit(1).executeTakeFirst();
  return referred ?? (await query.where('wamid', '=', wamid).limit(1).executeTakeFirst()) ?? null;
}

/** Positions of the customer in the conversation, and for those who look on what the words mean at WhatsApp. */
async function tellMembers(ports: Ports, row: MessageRow, { status, reason }: StatusNews): Promise<void> {
  const { conversations, database, host } = ports;
  const { tenant, mapping, sequence } = row;
  if (sequence === null) return;
  const owner = await database
    .tables<Tables>()
    .selectFrom('mappings')
    .select('customer')
    .where('tenant', '=', tenant)
    .where('id', '=', mapping)
    .executeTakeFirst();
  if (owner !== undefined && (status === 'delivered' || status === 'read')) {
    const user = customerUser(owner.customer);
    await conversations.move({ tenant, user, conversation: mapping, to: sequence, is: status });
  }
  await host.publish(conversations.liveTopicOf(mapping), {
    tenant,
    payload: { event: 'whatsapp.status', sequence, status, ...(reason !== undefined && { reason }) },
  });
}

/** Of a message in several parts the first one speaks, and each that failed. */
async function tellDesk(ports: Ports, row: MessageRow, news: StatusNews, phoneNumberId: string): Promise<void> {
  const first = await firstPartOf(ports, row);
  const deskId = first?.desk_id ?? null;
  if (deskId === null || (first?.id !== row.id && news.status !== 'failed')) return;
  if (!(await hasDesk(ports, row.tenant))) return;
  await putToDesk(ports, {
    tenant: row.tenant,
    message: row.id,
    isMessage: false,
    phoneNumberId,
    customer: news.to,
    requests: [genesysReceipt(deskId, news)],
  });
}
