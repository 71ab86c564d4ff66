/** What ends by itself: mappings of customers who are silent, and the ways of old messages. */
import { Rounds } from '../../rounds.ts';
import type { Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';

const EVERY_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Rows in one statement, so that none takes long. */
const AT_ONCE = 500;

export function upkeepOf(ports: Ports): Rounds {
  const { host, database } = ports;
  return new Rounds({
    scheduler: host.scheduler,
    database,
    everyMs: EVERY_MS,
    work: (isOver) =>
      host.background('upkeep', async () => {
        while (!isOver() && (await expire(ports)) === AT_ONCE);
        while (!isOver() && (await forget(ports)) === AT_ONCE);
      }),
  });
}

async function expire({ database, host, settings, conversations }: Ports): Promise<number> {
  const now = host.clock.now();
  const rows = await database
    .tables<Tables>()
    .updateTable('mappings')
    .set({ status: 'expired', ended_at: new Date(now) })
    .where('status', '=', 'active')
    .where('id', 'in', (from) =>
      from
        .selectFrom('mappings')
        .select('id')
        .where('status', '=', 'active')
        .where('active_at', '<=', new Date(now - settings.idle_hours * HOUR_MS))
        .orderBy('active_at')
        .limit(AT_ONCE)
        .forUpdate()
        .skipLocked(),
    )
    .returning(['tenant', 'id'])
    .execute();
  for (const { tenant, id } of rows) await conversations.update(tenant, id, { status: 'resolved' });
  return rows.length;
}

async function forget({ database, host, settings }: Ports): Promise<number> {
  const { numDeletedRows } = await database
    .tables<Tables>()
    .deleteFrom('messages')
    .where('created_at', '<', new Date(host.clock.now() - settings.keep_days * DAY_MS))
    .where('id', 'in', (from) =>
      from
        .selectFrom('messages')
        .select('id')
        .where('created_at', '<', new Date(host.clock.now() - settings.keep_days * DAY_MS))
        .orderBy('created_at')
        .limit(AT_ONCE),
    )
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}
