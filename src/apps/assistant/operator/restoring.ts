/** Sessions that their users have deleted come back together, for an operator who is asked to undo it. */
import type { Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';

const HOUR_MS = 3_600_000;

/**
 * @param hours deleted since so many, and no longer ago than users may restore
 * @param user without, of all users of the tenant
 * @returns how many sessions are back
 */
export async function restoreDeleted(
  { database, host, settings }: Pick<Ports, 'database' | 'host' | 'settings'>,
  { tenant, user, hours }: { readonly tenant: string; readonly user?: string | undefined; readonly hours: number },
): Promise<number> {
  const now = host.clock.now();
  const since = now - Math.min(hours, settings.restore_hours) * HOUR_MS;
  let query = database
    .tables<Tables>()
    .updateTable('sessions')
    .set({ deleted_at: null, changed_at: new Date(now) })
    .where('tenant', '=', tenant)
    .where('deleted_at', '>', new Date(since));
  if (user !== undefined) query = query.where('user_id', '=', user);
  const { numUpdatedRows: rows } = await query.executeTakeFirst();
  return Number(rows);
}
