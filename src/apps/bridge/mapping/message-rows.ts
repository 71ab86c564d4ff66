/** Rows of messages: what has become of each, forward only, with its steps. */
import type { RawBuilder } from 'kysely';
import type { Ports } from '../ports.ts';
import type { MessageRow, MessageStatus, Tables } from '../tables.ts';

type RowPorts = Pick<Ports, 'host' | 'database'>;
export type RowKey = Pick<MessageRow, 'tenant' | 'id'>;

/** Statuses come in any order, and twice: the highest stays. A message that was read was sent, whatever is told later. */
const RANKS: Readonly<Record<MessageStatus, number>> = {
  pending: 0,
  sending: 0,
  unknown: 0,
  sent: 1,
  failed: 2,
  delivered: 3,
  read: 4,
};

export interface RowChange {
  readonly sequence?: number;
  readonly published?: string;
  readonly wamid?: string;
  readonly desk_id?: string;
  readonly reason?: string | null;
  readonly media?: string;
  readonly claim?: string;
}

/** Steps of one message that are kept: retries do not grow it. */
const MAX_STAGES = 40;

export async function findRow(
  { database }: Pick<Ports, 'database'>,
  { tenant, id }: RowKey,
): Promise<MessageRow | null> {
  const row = await database
    .tables<Tables>()
    .selectFrom('messages')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst();
  return row ?? null;
}

/** The row that has the id of Genesys: further parts have its id and `.2`, `.3`, … */
export async function firstPartOf(ports: Pick<Ports, 'database'>, row: MessageRow): Promise<MessageRow | null> {
  const [first = row.id] = row.id.split('.', 1);
  return first === row.id ? row : findRow(ports, { tenant: row.tenant, id: first });
}

/** Writes a step down, with what is known since. */
export async function mark(
  ports: RowPorts,
  { tenant, id }: RowKey,
  stage: string,
  change: RowChange = {},
): Promise<void> {
  const { database, host } = ports;
  await database
    .tables<Tables>()
    .updateTable('messages')
    .set({ ...change, changed_at: new Date(host.clock.now()), stages: grown(ports, stage, change.reason) })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .execute();
}

/**
 * Moves a message to a status, unless it is further.
 * @returns the row as it is then; `null` when nothing has moved
 */
export async function advance(
  ports: RowPorts,
  { tenant, id }: RowKey,
  status: MessageStatus,
  change: RowChange = {},
): Promise<MessageRow | null> {
  const { database, host } = ports;
  const rank = RANKS[status];
  const row = await database
    .tables<Tables>()
    .updateTable('messages')
    .set({
      ...change,
      status,
      rank,
      changed_at: new Date(host.clock.now()),
      stages: grown(ports, status, change.reason),
    })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    // A message may go back and forth below the first rank until a status is told.
    .where('rank', rank === 0 ? '<=' : '<', rank)
    .returningAll()
    .executeTakeFirst();
  return row ?? null;
}

/** A message that was given up and that an operator has replayed begins anew. */
export async function reopen(ports: RowPorts, { tenant, id }: RowKey): Promise<void> {
  const { database, host } = ports;
  await database
    .tables<Tables>()
    .updateTable('messages')
    .set({ status: 'pending', rank: 0, changed_at: new Date(host.clock.now()), stages: grown(ports, 'replayed') })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('status', '=', 'failed')
    .execute();
}

/** @param reason of what went wrong: it stays with the step when the row has another one */
function grown(
  { database, host }: RowPorts,
  stage: string,
  reason: string | null = null,
): RawBuilder<readonly string[]> {
  const entry = JSON.stringify([
    stage,
    host.clock.now(),
    host.node,
    ...(reason === null ? [] : [reason.slice(0, 200)]),
  ]);
  return database.sql<readonly string[]>`case when cardinality(stages) < ${MAX_STAGES}::int4
    then array_append(stages, ${entry}::text) else stages end`;
}
