/**
 * Tenants that are not served, as far as this node knows: asked of every connection each second, so it is a look into a map.
 * A node that did not hear of a change finds it in the table.
 */
import type { Database } from '../../database/database.ts';
import { dropOldest } from '../../telemetry/drop-oldest.ts';
import type { Tables } from './tables.ts';
import type { Status } from './tenant.ts';

/** Beyond, the oldest leave: their connections have long been closed, and newcomers are looked up. */
const MAX_BARRED = 100_000;
/** Clocks of nodes differ, and a change is committed later than it says. */
const OVERLAP_MS = 60_000;
const MAX_CHANGES = 10_000;

export class Barred {
  private readonly tenants = new Map<string, 'suspended' | 'deleted'>();

  of(tenant: string): 'suspended' | 'deleted' | undefined {
    return this.tenants.size === 0 ? undefined : this.tenants.get(tenant);
  }

  learn(tenant: string, status: Status): void {
    this.tenants.delete(tenant);
    if (status === 'active') return;
    this.tenants.set(tenant, status);
    dropOldest(this.tenants, MAX_BARRED);
  }
}

/** What changed since a time, the oldest first. @param since milliseconds since 1970 */
export async function changesSince(
  database: Database,
  since: number,
): Promise<readonly { readonly id: string; readonly status: Status; readonly at: number }[]> {
  const rows = await database
    .tables<Tables>()
    .selectFrom('tenants')
    .select(['id', 'status', 'changed_at'])
    .where('changed_at', '>', new Date(since - OVERLAP_MS))
    .orderBy('changed_at')
    .limit(MAX_CHANGES)
    .execute();
  return rows.map(({ id, status, changed_at: at }) => ({ id, status: status as Status, at: at.getTime() }));
}
