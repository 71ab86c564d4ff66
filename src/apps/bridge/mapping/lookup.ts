/** `GET /state/conversation`: which conversation a number is in. */
import type { Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';

export interface ConversationState {
  /** Of this server. */
  readonly conversation: string;
  /** At Genesys; `null` until it is known. */
  readonly genesysConversation: string | null;
  readonly phoneNumberId: string;
  readonly customer: string;
  readonly status: 'active';
  /** ISO 8601, like the next one. */
  readonly createdAt: string;
  readonly activeAt: string;
  readonly expiresAt: string;
}

const HOUR_MS = 3_600_000;

/** @param number digits. @returns `null` where nothing is active, also for a number of another tenant */
export async function findState(
  { database, host, settings }: Pick<Ports, 'database' | 'host' | 'settings'>,
  tenant: string,
  number: string,
): Promise<ConversationState | null> {
  const idleMs = settings.idle_hours * HOUR_MS;
  const row = await database
    .tables<Tables>()
    .selectFrom('customers')
    .innerJoin('mappings', (join) =>
      join.onRef('mappings.tenant', '=', 'customers.tenant').onRef('mappings.customer', '=', 'customers.id'),
    )
    .select([
      'mappings.id as conversation',
      'mappings.desk_conversation',
      'mappings.created_at',
      'mappings.active_at',
      'customers.id as customer',
      'customers.phone_number_id',
    ])
    .where('customers.tenant', '=', tenant)
    .where('customers.number', '=', number)
    .where('mappings.status', '=', 'active')
    .where('mappings.active_at', '>', new Date(host.clock.now() - idleMs))
    .orderBy('mappings.active_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) return null;
  return {
    conversation: row.conversation,
    genesysConversation: row.desk_conversation,
    phoneNumberId: row.phone_number_id,
    customer: row.customer,
    status: 'active',
    createdAt: row.created_at.toISOString(),
    activeAt: row.active_at.toISOString(),
    expiresAt: new Date(row.active_at.getTime() + idleMs).toISOString(),
  };
}
