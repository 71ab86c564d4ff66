/** Calls that a message of an agent takes: a row for each, so that each has its own id at WhatsApp and its own status. */
import type { Mapped } from '../mapping/mapping.ts';
import type { Ports } from '../ports.ts';
import type { MessageRow, Tables } from '../tables.ts';
import type { GraphBody } from '../transforms/to-whatsapp.ts';

export interface Part {
  readonly row: MessageRow;
  readonly body: GraphBody;
}

/** The same message has the same parts each time that it is handled. */
export async function partsOf(
  { database, host }: Pick<Ports, 'database' | 'host'>,
  { message }: Mapped,
  bodies: readonly GraphBody[],
): Promise<readonly Part[]> {
  if (bodies.length <= 1) return bodies.map((body) => ({ row: message, body }));
  const { tenant, mapping, kind, claim } = message;
  const now = new Date(host.clock.now());
  const tables = database.tables<Tables>();
  const further = bodies.slice(1).map((_, at) => ({
    tenant,
    id: `${message.id}.${at + 2}`,
    mapping,
    direction: 'out' as const,
    kind,
    wamid: null,
    desk_id: null,
    reason: null,
    media: null,
    sequence: message.sequence,
    claim,
    raw: null,
    created_at: now,
    changed_at: now,
  }));
  await tables
    .insertInto('messages')
    .values(further)
    .onConflict((of) => of.columns(['tenant', 'id']).doNothing())
    .execute();
  const ids = further.map(({ id }) => id);
  const rows = await tables
    .selectFrom('messages')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', 'in', ids)
    .execute();
  const byId = new Map(rows.map((row) => [row.id, row]));
  return bodies.map((body, at) => {
    const row = at === 0 ? message : byId.get(`${message.id}.${at + 1}`);
    if (row === undefined) throw new Error('expected the row of a part that was just written');
    return { row, body };
  });
}
