/** Tenants in their table: reading and changing them. Nothing is remembered here. */
import type { Kysely, Selectable } from 'kysely';
import type { Database } from '../../database/database.ts';
import type { JsonValue } from '../../protocol/frames.ts';
import type { Tables } from './tables.ts';
import type { HandleKind, NewTenant, Status, Tenant, TenantChange } from './tenant.ts';

type Row = Selectable<Tables['tenants']>;
type Builder = Kysely<Tables>;

/** Which of the things that one tenant alone may have is another's. `handle`: a number or an integration. */
export type Taken = 'id' | 'subdomain' | 'handle';

export async function findTenant(database: Database, id: string): Promise<Tenant | null> {
  const tables = database.tables<Tables>();
  const row = await tables.selectFrom('tenants').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) return null;
  const [tenant = null] = await withHandles(tables, [row]);
  return tenant;
}

/** The id of the tenant that has this number or integration. */
export async function tenantOfHandle(database: Database, kind: HandleKind, id: string): Promise<string | null> {
  const row = await database
    .tables<Tables>()
    .selectFrom('handles')
    .select('tenant')
    .where('kind', '=', kind)
    .where('id', '=', id)
    .executeTakeFirst();
  return row?.tenant ?? null;
}

export async function tenantOfSubdomain(database: Database, subdomain: string): Promise<string | null> {
  const row = await database
    .tables<Tables>()
    .selectFrom('tenants')
    .select('id')
    .where('subdomain', '=', subdomain)
    .executeTakeFirst();
  return row?.id ?? null;
}

/** A page in the order of ids. */
export async function listTenants(
  database: Database,
  { after, limit, status }: { readonly after: string; readonly limit: number; readonly status?: Status | undefined },
): Promise<Tenant[]> {
  const tables = database.tables<Tables>();
  const all = tables.selectFrom('tenants').selectAll().where('id', '>', after).orderBy('id').limit(limit);
  const rows = await (status === undefined ? all : all.where('status', '=', status)).execute();
  return withHandles(tables, rows);
}

/** @returns what is taken, instead of a tenant */
export async function insertTenant(database: Database, made: NewTenant, now: number): Promise<Tenant | Taken> {
  const at = new Date(now);
  return orTaken(database, () =>
    database.transaction<Tables, Tenant | Taken>(async (tables) => {
      const row = await tables
        .insertInto('tenants')
        .values({
          id: made.id,
          name: made.name,
          status: 'active',
          plan: made.plan,
          rate_limit: made.rateLimit,
          subdomain: made.subdomain,
          settings: JSON.stringify(made.settings),
          created_at: at,
          changed_at: at,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      await addHandles(tables, made.id, 'whatsapp', made.phoneNumberIds);
      await addHandles(tables, made.id, 'genesys', made.integrationIds);
      const [tenant] = await withHandles(tables, [row]);
      return tenant as Tenant;
    }),
  );
}

export interface Changed {
  readonly before: Tenant;
  readonly after: Tenant;
}

/** @returns `null` when there is none, or it is deleted; what is taken, instead of a change */
export async function changeTenant(
  database: Database,
  id: string,
  change: TenantChange,
  now: number,
): Promise<Changed | Taken | null> {
  return orTaken(database, () =>
    database.transaction<Tables, Changed | null>(async (tables) => {
      const before = await lockTenant(tables, id);
      if (before === null) return null;
      const { name, status, plan, rateLimit, subdomain, settings } = change;
      await tables
        .updateTable('tenants')
        .set({
          ...(name !== undefined && { name }),
          ...(status !== undefined && { status }),
          ...(plan !== undefined && { plan }),
          ...(rateLimit !== undefined && { rate_limit: rateLimit }),
          ...(subdomain !== undefined && { subdomain }),
          ...(settings !== undefined && { settings: JSON.stringify(merged(before.settings, settings)) }),
          changed_at: new Date(now),
        })
        .where('id', '=', id)
        .execute();
      await replaceHandles(tables, id, 'whatsapp', change.phoneNumberIds);
      await replaceHandles(tables, id, 'genesys', change.integrationIds);
      return { before, after: await readAgain(tables, id) };
    }),
  );
}

/**
 * The record and the audit stay; what others may have again, and every secret, goes.
 * @returns `null` when there is none, or it is deleted already; the ids of the API keys that have ended with it
 */
export async function deleteTenant(
  database: Database,
  id: string,
  now: number,
): Promise<(Changed & { readonly keys: readonly string[] }) | null> {
  const at = new Date(now);
  return database.transaction<Tables, (Changed & { readonly keys: readonly string[] }) | null>(async (tables) => {
    const before = await lockTenant(tables, id);
    if (before === null) return null;
    await tables
      .updateTable('tenants')
      .set({ status: 'deleted', subdomain: null, changed_at: at })
      .where('id', '=', id)
      .execute();
    await tables.deleteFrom('handles').where('tenant', '=', id).execute();
    await tables.deleteFrom('credentials').where('tenant', '=', id).execute();
    const keys = await tables
      .updateTable('api_keys')
      .set({ revoked_at: at })
      .where('tenant', '=', id)
      .where('revoked_at', 'is', null)
      .returning('id')
      .execute();
    return { before, after: await readAgain(tables, id), keys: keys.map((key) => key.id) };
  });
}

/** Those that are deleted change no more. */
async function lockTenant(tables: Builder, id: string): Promise<Tenant | null> {
  const row = await tables
    .selectFrom('tenants')
    .selectAll()
    .where('id', '=', id)
    .where('status', '<>', 'deleted')
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return null;
  const [tenant = null] = await withHandles(tables, [row]);
  return tenant;
}

async function readAgain(tables: Builder, id: string): Promise<Tenant> {
  const row = await tables.selectFrom('tenants').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  const [tenant] = await withHandles(tables, [row]);
  return tenant as Tenant;
}

async function withHandles(tables: Builder, rows: readonly Row[]): Promise<Tenant[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const handles = await tables.selectFrom('handles').selectAll().where('tenant', 'in', ids).orderBy('id').execute();
  const of = (id: string, kind: HandleKind): string[] =>
    handles.filter((handle) => handle.tenant === id && handle.kind === kind).map((handle) => handle.id);
  return rows.map((row) => tenantOf(row, of(row.id, 'whatsapp'), of(row.id, 'genesys')));
}

function tenantOf(row: Row, phoneNumberIds: readonly string[], integrationIds: readonly string[]): Tenant {
  return {
    id: row.id,
    name: row.name,
    status: row.status as Status,
    plan: row.plan,
    rateLimit: row.rate_limit,
    phoneNumberIds,
    integrationIds,
    subdomain: row.subdomain,
    settings: JSON.parse(row.settings) as Record<string, JsonValue>,
    createdAt: row.created_at.toISOString(),
    changedAt: row.changed_at.toISOString(),
  };
}

async function addHandles(tables: Builder, tenant: string, kind: HandleKind, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const rows = [...new Set(ids)].map((id) => ({ kind, id, tenant }));
  await tables.insertInto('handles').values(rows).execute();
}

async function replaceHandles(
  tables: Builder,
  tenant: string,
  kind: HandleKind,
  ids: readonly string[] | undefined,
): Promise<void> {
  if (ids === undefined) return;
  await tables.deleteFrom('handles').where('tenant', '=', tenant).where('kind', '=', kind).execute();
  await addHandles(tables, tenant, kind, ids);
}

function merged(
  before: Tenant['settings'],
  change: Readonly<Record<string, JsonValue>>,
): Readonly<Record<string, JsonValue>> {
  return Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== null));
}

/** The constraint that does not hold says what is taken. */
async function orTaken<T>(database: Database, work: () => Promise<T>): Promise<T | Taken> {
  try {
    return await work();
  } catch (error) {
    if (!database.isProblem(error) || error.problem !== 'constraint') throw error;
    if (error.constraint === 'tenants_pkey') return 'id';
    if (error.constraint === 'tenants_subdomain') return 'subdomain';
    if (error.constraint === 'handles_pkey') return 'handle';
    throw error;
  }
}
