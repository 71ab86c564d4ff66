/** Backup and restore of a server: pg_dump's own format, of one moment, tested before it counts; a restore is one transaction. */
import { once } from 'node:events';
import { dirname } from 'node:path';
import type { PostgresqlAddress } from '../../config/postgresql-url.ts';
import type { Session } from '../../database/driver.ts';
import { version } from '../version.ts';
import { backupName, checkRoom, written } from './folder.ts';
import { checkedManifest, differences, writeManifest } from './manifest.ts';
import { environmentOf, plain, run, start } from './programs.ts';
import { ownSchemas, rowCounts } from './tables.ts';

export interface Restored {
  /** The archive of what was there before; `null` where there was nothing. */
  readonly before: string | null;
  readonly rows: Readonly<Record<string, number>>;
  /** Tables that have other rows than the archive says. */
  readonly wrong: readonly string[];
}

const ENDING = 'dump';

/** @param now milliseconds since 1970 @returns the path of the archive @throws Error; what was there before stays */
export async function backUpPostgresql(
  session: Session,
  address: PostgresqlAddress,
  { folder, now, beginning }: { readonly folder: string; readonly now: number; readonly beginning?: string },
): Promise<string> {
  const schemas = await ownSchemas(session);
  if (schemas.length === 0) throw new Error('expected tables of this server in the database, and there are none');
  await checkRoom(folder, await bytesOf(session, schemas));
  // Rows are counted as they are dumped, also while nodes write.
  await session.begin(' isolation level repeatable read read only');
  try {
    await session.script('set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0');
    const { rows } = await session.query('select pg_export_snapshot() as snapshot', []);
    const snapshot = String(rows[0]?.['snapshot']);
    return await written(folder, backupName(now, ENDING, beginning), async (archive, manifest) => {
      const of = schemas.flatMap((schema) => ['--schema', schema]);
      const words = ['--format=custom', '--no-owner', '--no-privileges', '--no-password', `--snapshot=${snapshot}`];
      await run('pg_dump', [...words, ...of, `--file=${archive}`], environmentOf(address));
      await testArchive(archive);
      const about = { kind: 'postgresql', madeAt: new Date(now).toISOString(), version } as const;
      await writeManifest(manifest, archive, { ...about, rows: await rowCounts(session, schemas) });
    });
  } finally {
    await session.rollback();
  }
}

/**
 * All or nothing: the archive is tested first, and a failure on the way leaves the database as it was.
 * @param further SQL at the end of the same transaction, by schema
 */
export async function restorePostgresql(
  session: Session,
  address: PostgresqlAddress,
  {
    archive,
    now,
    further,
  }: { readonly archive: string; readonly now: number; readonly further: ReadonlyMap<string, string> },
): Promise<Restored> {
  const { rows: expected } = await checkedManifest(archive, 'postgresql');
  await testArchive(archive);
  await expectNoNodes(session);
  const there = await ownSchemas(session);
  const inArchive = [...new Set(Object.keys(expected).map((table) => table.slice(0, table.indexOf('.'))))];
  const folder = dirname(archive);
  const before =
    there.length === 0 ? null : await backUpPostgresql(session, address, { folder, now, beginning: 'before-restore' });
  const schemas = [...new Set([...there, ...inArchive])];
  const drop = schemas.map((schema) => `drop schema if exists "${schema}" cascade`).join('; ');
  const last = inArchive.flatMap((schema) => further.get(schema) ?? []);
  await applyArchive(archive, address, drop, last);
  const rows = await rowCounts(session, inArchive);
  return { before, rows, wrong: differences(expected, rows) };
}

/** Reads all of it, as a restore would, into nothing: a list of contents is whole while the contents are not. */
function testArchive(archive: string): Promise<void> {
  return run('pg_restore', ['--file=-', archive], plain());
}

async function applyArchive(
  archive: string,
  address: PostgresqlAddress,
  drop: string,
  last: readonly string[],
): Promise<void> {
  const words = ['--no-psqlrc', '--quiet', '--single-transaction', '--set=ON_ERROR_STOP=1'];
  const applying = start('psql', [...words, '--command', drop, '--file=-'], environmentOf(address), ['pipe', 'ignore']);
  const reading = start('pg_restore', ['--no-owner', '--no-privileges', '--file=-', archive], plain(), [
    'ignore',
    'pipe',
  ]);
  const { stdin } = applying.child;
  const { stdout } = reading.child;
  if (stdin === null || stdout === null) throw new Error('expected programs with an input and an output');
  // It may end before it has read everything: its own words say why.
  stdin.on('error', () => {});
  stdout.pipe(stdin, { end: false });
  try {
    await Promise.race([reading.ended, applying.ended.then(() => once(reading.child, 'close'))]);
    await reading.ended;
  } catch (error) {
    // Its input must not come to its end: it would commit what it has so far.
    applying.child.kill('SIGKILL');
    await applying.ended.catch(() => {});
    reading.child.kill('SIGKILL');
    throw error;
  }
  stdin.end(last.map((sql) => `${sql};\n`).join(''));
  await applying.ended;
}

/** Nodes that write meanwhile would wait for the restore, and then write what belongs to another past. */
async function expectNoNodes(session: Session): Promise<void> {
  const { rows } = await session.query(
    `select distinct application_name as name from pg_stat_activity where datname = current_database()
       and pid <> pg_backend_pid() and application_name like 'signalbox-%' and application_name <> 'signalbox-database'`,
    [],
  );
  if (rows.length > 0)
    throw new Error(
      `expected no node at this database, got ${rows.map(({ name }) => String(name)).join(', ')}: stop them first`,
    );
}

async function bytesOf(session: Session, schemas: readonly string[]): Promise<number> {
  const { rows } = await session.query(
    `select coalesce(sum(pg_total_relation_size(format('%I.%I', schemaname, tablename)::regclass)), 0)::int8 as bytes
       from pg_tables where schemaname = any($1)`,
    [schemas],
  );
  return Number(rows[0]?.['bytes'] ?? 0);
}
