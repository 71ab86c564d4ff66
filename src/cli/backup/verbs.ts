/** `signalbox database backup FOLDER` and `restore FILE`: of the server or of the folder that the configuration names. */
import { resolve } from 'node:path';
import type { LoadedApp } from '../../apps/loaded.ts';
import { parsePostgresqlUrl } from '../../config/postgresql-url.ts';
import type { Config } from '../../config/schema.ts';
import { schemaOf } from '../../database/migration.ts';
import { systemClock } from '../../telemetry/system-clock.ts';
import { UsageError, type ExitCode } from '../command.ts';
import { inDatabase } from '../database-session.ts';
import { rotate } from './folder.ts';
import { backUpPGlite, restorePGlite } from './pglite.ts';
import { backUpPostgresql, restorePostgresql, type Restored } from './postgresql.ts';

const IN_MEMORY = 'expected database.url or database.folder: a database in memory has nothing that lasts';

export async function backUp(
  config: Config,
  { folder: given, keep }: { readonly folder: string; readonly keep: number },
): Promise<ExitCode> {
  const folder = resolve(given);
  const now = systemClock.now();
  const { url, folder: data } = config.database;
  const path = await (url === undefined
    ? backUpPGlite(dataOf(data), { folder, now })
    : inDatabase(config, (session) => backUpPostgresql(session, parsePostgresqlUrl(url), { folder, now })));
  print(`${path} is written and tested`);
  for (const name of await rotate(folder, keep)) print(`removed ${name}`);
  return 0;
}

export async function restore(config: Config, apps: readonly LoadedApp[], file: string): Promise<ExitCode> {
  const archive = resolve(file);
  const now = systemClock.now();
  const further = new Map(
    apps.flatMap(({ app: { name, database } }): [string, string][] =>
      database?.restored === undefined ? [] : [[schemaOf(name), database.restored]],
    ),
  );
  const { url, folder: data } = config.database;
  const restored = await (url === undefined
    ? restorePGlite(dataOf(data), { archive, now, further })
    : inDatabase(config, (session) => restorePostgresql(session, parsePostgresqlUrl(url), { archive, now, further })));
  return told(archive, restored);
}

function told(archive: string, { before, rows, wrong }: Restored): ExitCode {
  for (const line of wrong) print(line);
  const sum = Object.values(rows).reduce((all, count) => all + count, 0);
  print(`restored ${sum} rows of ${Object.keys(rows).length} tables from ${archive}`);
  print(before === null ? 'there was nothing before' : `${before} has what was there before`);
  print('./signalbox database check says whether this version has more migrations; then start the nodes');
  return wrong.length === 0 ? 0 : 1;
}

function dataOf(folder: string | undefined): string {
  if (folder === undefined) throw new UsageError(IN_MEMORY);
  return resolve(folder);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
