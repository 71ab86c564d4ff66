/**
 * What other applications may ask about uploads; public like public.ts. A message or a profile names uploads
 * by their ids or URLs. Store the `url` and `type` that are answered here, and not what the client sent.
 */
import type { Kysely } from 'kysely';
import type { Database } from '../../database/database.ts';
import { SCHEMA, type Purpose, type Tables } from './tables.ts';

export interface Upload {
  readonly id: string;
  /** As it is stored in messages: it stays, and needs a token of somebody who may see it. */
  readonly url: string;
  /** The name of the file, as its owner called it; cleaned. */
  readonly name: string;
  /** By its bytes. */
  readonly type: string;
  readonly bytes: number;
  readonly purpose: Purpose;
  readonly conversation: string | null;
}

export interface Naming {
  readonly tenant: string;
  /** The owner. */
  readonly user: string;
  /** What names the uploads: those of another conversation are none. `null`: no conversation, as for a profile. */
  readonly conversation: string | null;
}

/** The most that one message names. */
const MAX_NAMED = 100;
const NO_SUCH_TABLE = '42P01';

/**
 * Uploads by their ids or URLs, in the order in which they are named.
 * @returns `null` when one of them is not there, is not whole, is somebody else's or of another conversation: one word for all
 */
export async function ownUploads(
  database: Database,
  naming: Naming,
  named: readonly string[],
): Promise<readonly Upload[] | null> {
  if (named.length === 0) return [];
  if (named.length > MAX_NAMED) return null;
  try {
    const rows = await tablesOf(database.tables())
      .selectFrom('uploads')
      .select(['id', 'url', 'name', 'type', 'bytes', 'purpose', 'conversation'])
      .where('tenant', '=', naming.tenant)
      .where('owner', '=', naming.user)
      .where('bytes', 'is not', null)
      .where((is) => is.or([is('conversation', 'is', null), is('conversation', '=', naming.conversation)]))
      .where((is) => is.or([is('id', 'in', named), is('url', 'in', named)]))
      .execute();
    const found = named.map((name) => rows.find(({ id, url }) => id === name || url === name));
    return found.every((row) => row !== undefined) ? found.map((row) => ({ ...row, bytes: row.bytes ?? 0 })) : null;
  } catch (error) {
    // The application was never there: nobody has uploaded anything.
    if (database.isProblem(error) && error.sqlState === NO_SUCH_TABLE) return null;
    throw error;
  }
}

/**
 * Keeps uploads for good, as a part of what names them: until then they are removed after a time. They belong to the
 * conversation from now on, and users who may read that may read them.
 * @param tables of the transaction that stores the message or the profile
 * @param claim by which {@link unclaimUploads} lets go of them again
 * @returns whether all of them are the user's own and of no other conversation; if not, the transaction must not be committed
 */
export async function keepUploads(
  tables: SomeTables,
  { tenant, user, conversation }: Naming,
  ids: readonly string[],
  claim: string | null = null,
): Promise<boolean> {
  const different = new Set(ids);
  if (different.size === 0) return true;
  const { numUpdatedRows } = await tablesOf(tables)
    .updateTable('uploads')
    .set((of) => ({
      loose_since: null,
      claimed_by: of.case().when('loose_since', 'is', null).then(null).else(claim).end(),
      conversation: of.fn.coalesce(of.ref('conversation'), of.val(conversation)),
    }))
    .where('tenant', '=', tenant)
    .where('owner', '=', user)
    .where('bytes', 'is not', null)
    .where((is) => is.or([is('conversation', 'is', null), is('conversation', '=', conversation)]))
    .where('id', 'in', [...different])
    .executeTakeFirstOrThrow();
  return numUpdatedRows === BigInt(different.size);
}

/** A file of a message, as its readers see it. */
export interface ClaimedFile {
  readonly url: string;
  readonly name: string;
  readonly size: number;
  readonly mime: string;
}

/** Both of the above, for a message that is stored right after it. If it is not, {@link unclaimUploads}. */
export async function claimUploads(
  database: Database,
  naming: Naming,
  named: readonly string[],
  claim: string,
): Promise<readonly ClaimedFile[] | null> {
  const found = await ownUploads(database, naming, named);
  if (found === null || found.length === 0) return found === null ? null : [];
  const ids = found.map(({ id }) => id);
  if (!(await keepUploads(database.tables(), naming, ids, claim))) return null;
  return found.map(({ url, name, bytes, type }) => ({ url, name, size: bytes, mime: type }));
}

/** The message was not stored: uploads that it alone has named are removed after a time. */
export async function unclaimUploads(
  database: Database,
  { tenant, user }: Naming,
  named: readonly string[],
  claim: string,
): Promise<void> {
  await tablesOf(database.tables())
    .updateTable('uploads')
    .set(({ fn }) => ({ loose_since: fn<Date>('now'), claimed_by: null }))
    .where('tenant', '=', tenant)
    .where('owner', '=', user)
    .where((is) => is.or([is('id', 'in', named), is('url', 'in', named)]))
    .where('claimed_by', '=', claim)
    .execute();
}

/** Lets go of uploads that nothing names any more: their message or their user is gone. They are removed after a time. */
export async function releaseUploads(tables: SomeTables, tenant: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await tablesOf(tables)
    .updateTable('uploads')
    .set(({ fn }) => ({ loose_since: fn<Date>('now') }))
    .where('tenant', '=', tenant)
    .where('id', 'in', ids)
    .where('loose_since', 'is', null)
    .execute();
}

/** A query builder of any application: `database.tables()`, or what a transaction is given. */
export interface SomeTables {
  withSchema(schema: string): unknown;
}

function tablesOf(tables: SomeTables): Kysely<Tables> {
  return tables.withSchema(SCHEMA) as Kysely<Tables>;
}
