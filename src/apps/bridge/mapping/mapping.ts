/**
 * Which conversation a customer is in. One mapping of a customer is active at a time, however many messages come at once on
 * however many nodes: the row of the customer is locked first, and an index holds what a bug would break.
 */
import type { Kysely } from 'kysely';
import type { Ports } from '../ports.ts';
import type { CustomerRow, MappingRow, MessageRow, StageMark, Tables } from '../tables.ts';

type Builder = Kysely<Tables>;
type MappingPorts = Pick<Ports, 'host' | 'database' | 'settings'>;

export interface Caller {
  readonly tenant: string;
  readonly phoneNumberId: string;
  /** Digits. */
  readonly number: string;
  readonly name?: string;
}

/** A message to be written down once. */
export interface NewMessage {
  readonly direction: 'in' | 'out';
  readonly kind: string;
  readonly wamid?: string;
  readonly deskId?: string;
  readonly claim?: string;
  readonly raw?: string;
  /** Steps that were before this one. */
  readonly stages: readonly StageMark[];
}

export interface Mapped {
  readonly customer: CustomerRow;
  readonly mapping: MappingRow;
  readonly message: MessageRow;
  /** `false`: it was written down before, by the id of its side. */
  readonly isNew: boolean;
}

const HOUR_MS = 3_600_000;
/** What is kept of a message that nobody understands. */
const MAX_RAW = 8_192;

export function mapMessage(ports: MappingPorts, caller: Caller, message: NewMessage): Promise<Mapped> {
  return ports.database.transaction<Tables, Mapped>(async (tables) => {
    const now = new Date(ports.host.clock.now());
    const customer = await lockCustomer(ports, tables, caller, now);
    const known = await findKnown(tables, caller.tenant, message);
    if (known !== null) {
      const mapping = await mappingOf(tables, caller.tenant, known.mapping);
      return { customer, mapping, message: known, isNew: false };
    }
    const mapping = await activeMapping(ports, tables, customer, now);
    const row = await insertMessage(ports, tables, mapping, message, now);
    return { customer, mapping, message: row, isNew: true };
  });
}

/** Both sides at once for one customer take turns here. */
async function lockCustomer({ host }: MappingPorts, tables: Builder, caller: Caller, now: Date): Promise<CustomerRow> {
  const { tenant, phoneNumberId, number, name = null } = caller;
  return tables
    .insertInto('customers')
    .values({
      tenant,
      id: host.random.id(),
      phone_number_id: phoneNumberId,
      number,
      name,
      created_at: now,
      seen_at: now,
    })
    .onConflict((of) =>
      of.columns(['tenant', 'phone_number_id', 'number']).doUpdateSet((to) => ({
        seen_at: now,
        name: to.fn.coalesce(to.ref('excluded.name'), to.ref('customers.name')),
      })),
    )
    .returningAll()
    .executeTakeFirstOrThrow();
}

async function findKnown(tables: Builder, tenant: string, { wamid, deskId }: NewMessage): Promise<MessageRow | null> {
  const [column, id] = wamid === undefined ? (['desk_id', deskId] as const) : (['wamid', wamid] as const);
  if (id === undefined) return null;
  const row = await tables
    .selectFrom('messages')
    .selectAll()
    .where('tenant', '=', tenant)
    .where(column, '=', id)
    .executeTakeFirst();
  return row ?? null;
}

/** After a long silence the next message begins a new conversation. */
async function activeMapping(
  { host, settings }: MappingPorts,
  tables: Builder,
  { tenant, id: customer }: CustomerRow,
  now: Date,
): Promise<MappingRow> {
  const idle = new Date(now.getTime() - settings.idle_hours * HOUR_MS);
  const active = await tables
    .updateTable('mappings')
    .set({ active_at: now })
    .where('tenant', '=', tenant)
    .where('customer', '=', customer)
    .where('status', '=', 'active')
    .where('active_at', '>', idle)
    .returningAll()
    .executeTakeFirst();
  if (active !== undefined) return active;
  await tables
    .updateTable('mappings')
    .set({ status: 'expired', ended_at: now })
    .where('tenant', '=', tenant)
    .where('customer', '=', customer)
    .where('status', '=', 'active')
    .execute();
  return tables
    .insertInto('mappings')
    .values({
      tenant,
      id: `whatsapp-${host.random.id()}${host.random.id()}`,
      customer,
      desk_conversation: null,
      created_at: now,
      active_at: now,
      ended_at: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

async function insertMessage(
  { host }: MappingPorts,
  tables: Builder,
  { tenant, id: mapping }: MappingRow,
  { direction, kind, wamid, deskId, claim, raw, stages }: NewMessage,
  now: Date,
): Promise<MessageRow> {
  const marks: readonly StageMark[] = [
    ...stages,
    ['mapped', now.getTime(), host.node],
    ['stored', host.clock.now(), host.node],
  ];
  return tables
    .insertInto('messages')
    .values({
      tenant,
      id: `${host.random.id()}${host.random.id()}`,
      mapping,
      direction,
      kind,
      wamid: wamid ?? null,
      desk_id: deskId ?? null,
      reason: null,
      media: null,
      sequence: null,
      published: null,
      claim: claim ?? null,
      stages: marks.map((mark) => JSON.stringify(mark)),
      raw: raw === undefined || raw.length > MAX_RAW ? null : raw,
      created_at: now,
      changed_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

function mappingOf(tables: Builder, tenant: string, id: string): Promise<MappingRow> {
  return tables
    .selectFrom('mappings')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
}

/** The conversation at Genesys becomes known later. Twice is the same; another one replaces it, because an agent closed the first. */
export async function correlate(
  { database }: Pick<Ports, 'database'>,
  { tenant, id }: Pick<MappingRow, 'tenant' | 'id'>,
  deskConversation: string,
): Promise<void> {
  await database
    .tables<Tables>()
    .updateTable('mappings')
    .set({ desk_conversation: deskConversation })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where((is) => is('desk_conversation', 'is distinct from', deskConversation))
    .execute();
}

/** Of several numbers of the business that a customer has written to, the one of the last time; `null`: the customer is new. */
export async function lastNumberOf(
  { database }: Pick<Ports, 'database'>,
  tenant: string,
  number: string,
): Promise<string | null> {
  const row = await database
    .tables<Tables>()
    .selectFrom('customers')
    .select('phone_number_id')
    .where('tenant', '=', tenant)
    .where('number', '=', number)
    .orderBy('seen_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.phone_number_id ?? null;
}
