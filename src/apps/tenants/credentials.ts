/** Credentials of tenants at WhatsApp and Genesys: sealed in their table, opened for those who call there, masked for everybody else. */
import type { Database } from '../../database/database.ts';
import { SealError, type SealKeys } from './sealing.ts';
import type { Tables } from './tables.ts';
import type { HandleKind } from './tenant.ts';

export type Credentials = Readonly<Record<string, string>>;

/** Rows that are sealed anew in one transaction. */
const RESEAL_AT_ONCE = 100;
/** Characters of a secret that people are shown, to tell it from another one. */
const SHOWN = 4;
/** A secret shorter than this shows nothing: the last four would be too much of it. */
const SHORTEST_SHOWN = 12;

export async function putCredentials(
  database: Database,
  keys: SealKeys,
  {
    tenant,
    kind,
    credentials,
  }: { readonly tenant: string; readonly kind: HandleKind; readonly credentials: Credentials },
  now: number,
): Promise<void> {
  const { sealed, by } = keys.seal(JSON.stringify(credentials), aboutOf(tenant, kind));
  const row = { sealed, sealed_by: by, changed_at: new Date(now) };
  await database
    .tables<Tables>()
    .insertInto('credentials')
    .values({ tenant, kind, ...row })
    .onConflict((of) => of.columns(['tenant', 'kind']).doUpdateSet(row))
    .execute();
}

/** @returns `null` when there are none. @throws SealError when they do not open */
export async function openCredentials(
  database: Database,
  keys: SealKeys | null,
  tenant: string,
  kind: HandleKind,
): Promise<Credentials | null> {
  const row = await database
    .tables<Tables>()
    .selectFrom('credentials')
    .select(['sealed', 'sealed_by'])
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .executeTakeFirst();
  if (row === undefined) return null;
  if (keys === null) throw new SealError(`expected apps.tenants.seal_keys with the key ${row.sealed_by}, got none`);
  return JSON.parse(keys.open({ sealed: row.sealed, by: row.sealed_by }, aboutOf(tenant, kind))) as Credentials;
}

export async function removeCredentials(database: Database, tenant: string, kind: HandleKind): Promise<boolean> {
  const { numDeletedRows } = await database
    .tables<Tables>()
    .deleteFrom('credentials')
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

/** How many rows each key has sealed. */
export async function sealedBy(database: Database): Promise<Readonly<Record<string, number>>> {
  const rows = await database
    .tables<Tables>()
    .selectFrom('credentials')
    .select(({ fn }) => ['sealed_by', fn.countAll<number>().as('rows')])
    .groupBy('sealed_by')
    .execute();
  return Object.fromEntries(rows.map(({ sealed_by: key, rows: count }) => [key, count]));
}

/** A row of the table, by its key. */
interface Place {
  readonly tenant: string;
  readonly kind: string;
}

/**
 * Seals with the current key what other keys have sealed, so that those can go.
 * @returns how many rows; what does not open stays, and is counted as failed
 */
export async function resealCredentials(
  database: Database,
  keys: SealKeys,
): Promise<{ readonly resealed: number; readonly failed: number }> {
  let resealed = 0;
  let failed = 0;
  for (let after: Place = { tenant: '', kind: '' }; ;) {
    const rows = await resealSome(database, keys, after);
    const last = rows.at(-1);
    if (last === undefined) return { resealed, failed };
    const good = rows.filter(({ isOpened }) => isOpened).length;
    resealed += good;
    failed += rows.length - good;
    after = last;
  }
}

function resealSome(
  database: Database,
  keys: SealKeys,
  { tenant, kind }: Place,
): Promise<readonly (Place & { readonly isOpened: boolean })[]> {
  return database.transaction<Tables, (Place & { isOpened: boolean })[]>(async (tables) => {
    const rows = await tables
      .selectFrom('credentials')
      .selectAll()
      .where('sealed_by', '<>', keys.current)
      .where((is) => is.or([is('tenant', '>', tenant), is.and([is('tenant', '=', tenant), is('kind', '>', kind)])]))
      .orderBy('tenant')
      .orderBy('kind')
      .limit(RESEAL_AT_ONCE)
      .forUpdate()
      .execute();
    const done: (Place & { isOpened: boolean })[] = [];
    for (const row of rows) {
      const text = opened(keys, row);
      done.push({ tenant: row.tenant, kind: row.kind, isOpened: text !== null });
      if (text === null) continue;
      const { sealed, by } = keys.seal(text, aboutOf(row.tenant, row.kind));
      await tables
        .updateTable('credentials')
        .set({ sealed, sealed_by: by })
        .where('tenant', '=', row.tenant)
        .where('kind', '=', row.kind)
        .execute();
    }
    return done;
  });
}

/** As people see them: which secret it is, and not the secret. */
export function masked(credentials: Credentials): Credentials {
  return Object.fromEntries(Object.entries(credentials).map(([name, value]) => [name, maskedText(value)]));
}

function maskedText(text: string): string {
  return text.length < SHORTEST_SHOWN ? '****' : `****${text.slice(-SHOWN)}`;
}

function opened(keys: SealKeys, { sealed, sealed_by: by, tenant, kind }: Tables['credentials']): string | null {
  try {
    return keys.open({ sealed, by }, aboutOf(tenant, kind));
  } catch (error) {
    if (error instanceof SealError) return null;
    throw error;
  }
}

function aboutOf(tenant: string, kind: string): string {
  return `${tenant}/${kind}`;
}
