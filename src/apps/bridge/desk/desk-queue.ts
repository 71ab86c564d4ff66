/** The queue between what a customer wrote and Genesys: while Genesys is away, agents of this server read on. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Outcome, QueueMessage } from '../../../queue/queue.ts';
import { correlate } from '../mapping/mapping.ts';
import { advance, findRow, mark } from '../mapping/message-rows.ts';
import { customerKey } from '../hashes.ts';
import type { Ports } from '../ports.ts';
import { fieldsOf, listOf, textOf } from '../transforms/fields.ts';
import type { DeskRequest } from '../transforms/to-genesys.ts';
import { postToDesk, type DeskOutcome, type DeskPorts } from './genesys.ts';

export interface DeskOrder {
  readonly tenant: string;
  /** Row of the message that it is about. */
  readonly message: string;
  /** A message, whose row it moves, or a receipt for one. */
  readonly isMessage: boolean;
  readonly phoneNumberId: string;
  /** Digits. */
  readonly customer: string;
  readonly requests: readonly DeskRequest[];
}

export async function putToDesk({ queues, host }: Ports, order: DeskOrder): Promise<void> {
  const { tenant, customer, ...body } = order;
  if (order.requests.length === 0) return;
  await queues.desk.put({
    id: `d-${order.message.slice(0, 30)}-${host.random.id()}`,
    key: customerKey(tenant, customer),
    tenant,
    // Plain data all through.
    body: body as unknown as JsonValue,
  });
}

/** Whether the tenant has a Genesys at all: without one, agents are those of this server. */
export async function hasDesk({ credentials }: Ports, tenant: string): Promise<boolean> {
  return (await credentials.of('genesys', tenant)) !== null;
}

export async function handleDeskOrder(
  ports: Ports & DeskPorts,
  { body, tenant: id, attempt }: QueueMessage,
  signal: AbortSignal,
): Promise<Outcome> {
  const order = fieldsOf(body);
  const message = textOf(order['message']) ?? '';
  const isMessage = order['isMessage'] === true;
  const tenant = await ports.tenants.get(id);
  if (tenant?.status !== 'active') return { dead: 'the tenant is not active' };
  const row = await findRow(ports, { tenant: id, id: message });
  if (row === null) return { dead: 'the message is older than what is kept' };
  if (isMessage && row.rank > 0) return undefined;
  const requests = listOf(order['requests']) as unknown as readonly DeskRequest[];
  for (const [at, request] of requests.entries()) {
    const outcome = await postToDesk(ports, tenant, textOf(order['phoneNumberId']) ?? '', request, signal);
    noteDesk(ports, id, outcome);
    if (outcome.kind === 'taken') {
      if (!isMessage || at > 0) continue;
      if (outcome.conversation !== undefined)
        await correlate(ports, { tenant: id, id: row.mapping }, outcome.conversation);
      if (outcome.id !== undefined) await mark(ports, row, 'desk', { desk_id: outcome.id });
      continue;
    }
    if (outcome.kind === 'refused') {
      if (isMessage) await advance(ports, row, 'failed', { reason: outcome.reason });
      ports.counts.messages.add(1, 'desk refused');
      return { dead: outcome.reason };
    }
    if (isMessage) await mark(ports, row, 'desk-retry', { reason: outcome.reason });
    ports.host.log.info('Genesys is tried again', {
      tenant: id,
      message_id: message,
      attempt,
      because: outcome.reason,
    });
    if (outcome.kind === 'limited' && outcome.retryAfterMs !== null) return { retryAfterMs: outcome.retryAfterMs };
    throw new Error(outcome.reason);
  }
  if (isMessage) {
    for (const trouble of ['genesys_token', 'genesys_away'] as const) ports.troubles.over(trouble, id);
    await advance(ports, row, 'sent', { reason: null });
    ports.counts.messages.add(1, 'desk');
  }
  return undefined;
}

function noteDesk({ troubles }: Ports, tenant: string, { kind, ...more }: DeskOutcome): void {
  if (kind === 'taken') return;
  const isToken = 'isToken' in more && more.isToken;
  troubles.note(isToken ? 'genesys_token' : kind === 'refused' ? 'genesys_refused' : 'genesys_away', tenant);
}
