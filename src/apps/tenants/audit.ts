/** Changes of tenants, with who made them: for those who ask afterwards. No secrets. */
import type { Database } from '../../database/database.ts';
import type { JsonValue } from '../../protocol/frames.ts';
import type { Tables } from './tables.ts';

export type AuditAction =
  | 'created'
  | 'changed'
  | 'suspended'
  | 'resumed'
  | 'deleted'
  | 'credentials_set'
  | 'credentials_removed'
  | 'credentials_shown'
  | 'key_created'
  | 'key_revoked'
  | 'impersonated'
  | 'cache_cleared';

export interface Actor {
  readonly user: string;
  readonly address: string;
}

export interface AuditEntry {
  readonly at: string;
  readonly action: string;
  readonly actor: string;
  readonly address: string | null;
  readonly details: JsonValue;
}

export async function writeAudit(
  database: Database,
  { user, address }: Actor,
  {
    tenant,
    action,
    details = {},
  }: { readonly tenant: string; readonly action: AuditAction; readonly details?: JsonValue },
  now: number,
): Promise<void> {
  await database
    .tables<Tables>()
    .insertInto('audit')
    .values({ at: new Date(now), tenant, action, actor: user, address, details: JSON.stringify(details) })
    .execute();
}

/** The newest first. */
export async function listAudit(database: Database, tenant: string, limit: number): Promise<AuditEntry[]> {
  const rows = await database
    .tables<Tables>()
    .selectFrom('audit')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ at, action, actor, address, details }) => ({
    at: at.toISOString(),
    action,
    actor,
    address,
    details: JSON.parse(details) as JsonValue,
  }));
}
