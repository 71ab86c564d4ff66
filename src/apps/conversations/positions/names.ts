/** What users are called, by the application of accounts where that is there: for notices that are shown at once and kept nowhere. */
import type { Database } from '../../../database/database.ts';
import { dropOldest } from '../../../telemetry/drop-oldest.ts';
import { profilesOf } from '../../accounts/people.ts';
import type { Host } from '../../host-api.ts';

export type Names = (tenant: string, user: string) => Promise<string | null>;

/** A user with a new name is called by the old one for so long. */
const KEPT_MS = 60_000;
const MAX_KEPT = 10_000;
const NO_SUCH_TABLE = '42P01';

/** Of one node. */
export function namesOf(database: Database, clock: Pick<Host['clock'], 'elapsed'>): Names {
  const kept = new Map<string, { readonly name: Promise<string | null>; readonly until: number }>();
  return (tenant, user) => {
    const key = JSON.stringify([tenant, user]);
    const known = kept.get(key);
    const now = clock.elapsed();
    if (known !== undefined && known.until > now) return known.name;
    const name = nameOf(database, tenant, user);
    kept.delete(key);
    kept.set(key, { name, until: now + KEPT_MS });
    dropOldest(kept, MAX_KEPT);
    return name;
  };
}

/** Nobody waits in vain for a name: without one the notice has none. */
async function nameOf(database: Database, tenant: string, user: string): Promise<string | null> {
  try {
    return (await profilesOf(database, tenant, [user])).get(user)?.displayName ?? null;
  } catch (error) {
    // Without the table the application of accounts was never there.
    if (database.isProblem(error) && (error.sqlState === NO_SUCH_TABLE || !database.isReady)) return null;
    throw error;
  }
}
