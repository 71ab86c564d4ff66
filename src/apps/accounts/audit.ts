/** Changes of accounts and logins, with the user who made them and the address: for those who ask afterwards. */
import type { Database } from '../../database/database.ts';
import type { Tables } from './tables.ts';

export type AuditAction =
  | 'login'
  | 'login_failed'
  | 'login_throttled'
  | 'refresh_reused'
  | 'logout'
  | 'logout_everywhere'
  | 'created'
  | 'activated'
  | 'deactivated'
  | 'revoked'
  | 'password_changed'
  | 'password_set'
  | 'profile_changed';

export interface Caller {
  readonly address: string;
  readonly agent: string | null;
}

interface Entry extends Partial<Caller> {
  readonly tenant: string;
  readonly action: AuditAction;
  /** The user who did it; `null` is not known. */
  readonly actor: string | null;
  readonly user: string | null;
}

export async function writeAudit(database: Database, entry: Entry, now: number): Promise<void> {
  const { tenant, action, actor, user, address = null, agent = null } = entry;
  await database
    .tables<Tables>()
    .insertInto('audit')
    .values({ at: new Date(now), tenant, action, actor, user_id: user, address, agent })
    .execute();
}
