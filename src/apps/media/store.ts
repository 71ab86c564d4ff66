/** Uploads in their table. */
import type { Database } from '../../database/database.ts';
import type { Tables, UploadRow } from './tables.ts';

export type NewUpload = Pick<
  UploadRow,
  'id' | 'tenant' | 'owner' | 'purpose' | 'conversation' | 'key' | 'url' | 'name' | 'type' | 'max_bytes'
>;

export interface Arrived {
  readonly bytes: number;
  readonly digest: string | null;
}

/** Its bytes are not there yet. */
export async function addUpload(database: Database, upload: NewUpload): Promise<void> {
  await database.tables<Tables>().insertInto('uploads').values(upload).execute();
}

/** The newest avatar of a user is named by its profile without another word; those before it are not any more. */
export async function keepAvatar(
  database: Database,
  { id, tenant, owner }: Pick<NewUpload, 'id' | 'tenant' | 'owner'>,
  { bytes, digest }: Arrived,
): Promise<void> {
  await database.transaction<Tables, void>(async (tables) => {
    await tables
      .updateTable('uploads')
      .set(({ fn }) => ({ loose_since: fn<Date>('now') }))
      .where('tenant', '=', tenant)
      .where('owner', '=', owner)
      .where('purpose', '=', 'avatar')
      .where('loose_since', 'is', null)
      .execute();
    await tables.updateTable('uploads').set({ bytes, digest, loose_since: null }).where('id', '=', id).execute();
  });
}

export async function findUpload(database: Database, id: string): Promise<UploadRow | null> {
  const row = await database.tables<Tables>().selectFrom('uploads').selectAll().where('id', '=', id).executeTakeFirst();
  return row ?? null;
}

export async function findByUrls(
  database: Database,
  tenant: string,
  named: readonly string[],
): Promise<readonly UploadRow[]> {
  return database
    .tables<Tables>()
    .selectFrom('uploads')
    .selectAll()
    .where('tenant', '=', tenant)
    .where((is) => is.or([is('url', 'in', named), is('id', 'in', named)]))
    .execute();
}

/** Says what the bytes are before they are stored. @returns whether nobody has said something else */
export async function claimDigest(database: Database, id: string, digest: string): Promise<boolean> {
  const { numUpdatedRows } = await database
    .tables<Tables>()
    .updateTable('uploads')
    .set({ digest })
    .where('id', '=', id)
    .where((is) => is.or([is('digest', 'is', null), is('digest', '=', digest)]))
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

export async function markArrived(database: Database, id: string, { bytes, digest }: Arrived): Promise<void> {
  await database
    .tables<Tables>()
    .updateTable('uploads')
    .set({ bytes, digest })
    .where('id', '=', id)
    .where('bytes', 'is', null)
    .execute();
}

export interface Orphan {
  readonly id: string;
  readonly tenant: string;
  readonly key: string;
}

/** Takes uploads that nothing has named for so long: from now on nothing can name them any more. */
export async function takeOrphans(database: Database, hours: number, limit: number): Promise<readonly Orphan[]> {
  const { sql } = database;
  const tables = database.tables<Tables>();
  return tables
    .updateTable('uploads')
    .set({ bytes: null })
    .where('id', 'in', (from) =>
      from
        .selectFrom('uploads')
        .select('id')
        .where('loose_since', '<', sql<Date>`now() - make_interval(hours => ${hours}::int)`)
        .orderBy('loose_since')
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .returning(['id', 'tenant', 'key'])
    .execute();
}

export async function forgetUploads(database: Database, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await database.tables<Tables>().deleteFrom('uploads').where('id', 'in', ids).execute();
}
