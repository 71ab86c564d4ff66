/** What of the machine does not fit the section `[database]`, and what of the section does not fit the applications. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { LoadedApp } from '../apps/loaded.ts';
import type { Problem } from '../config/problem.ts';
import { parsePostgresqlUrl } from '../config/postgresql-url.ts';
import type { Config } from '../config/schema.ts';
import { readMigrations, type MigrationSet } from '../database/migration.ts';
import { missingPackage } from '../telemetry/optional-package.ts';

const EMBEDDED_PACKAGE = '@electric-sql/pglite';

/** Nothing is opened or made. */
export function databaseProblems(config: Config, apps: readonly LoadedApp[]): Problem[] {
  const { url, folder } = config.database;
  const problems: Problem[] = [];
  if (folder !== undefined) problems.push(...folderProblems(folder));
  if (url !== undefined) problems.push(...certificateProblems(url));
  const users = apps.filter(({ app }) => app.database !== undefined);
  migrationSets(users, problems);
  if (users.length === 0 || url !== undefined) return problems;
  const names = users.map(({ app }) => app.name).join(', ');
  if (config.server.workers > 1)
    problems.push({
      key: 'database.url',
      expected: `a PostgreSQL for the ${config.server.workers} workers (server.workers), in which ${names} keeps things: each would have a database of its own`,
      got: 'nothing',
    });
  const missing = missingPackage(EMBEDDED_PACKAGE, 'a database in the process');
  if (missing !== null)
    problems.push({
      key: 'database.url',
      expected: `a PostgreSQL for ${names}, or the package: ${missing}`,
      got: 'nothing',
    });
  return problems;
}

/** The migrations of the applications that have any. */
export function migrationSets(apps: readonly LoadedApp[], problems: Problem[]): MigrationSet[] {
  return apps.flatMap(({ app: { name, database } }) => {
    if (database === undefined) return [];
    try {
      return [readMigrations(name, database.migrations)];
    } catch (error) {
      const got = error instanceof Error ? error.message : String(error);
      problems.push({ key: `apps.${name}`, expected: 'migrations that can be read', got });
      return [];
    }
  });
}

function folderProblems(folder: string): Problem[] {
  let nearest = resolve(folder);
  while (!existsSync(nearest)) nearest = dirname(nearest);
  const expected = 'a folder that this process may write, or that it can make';
  if (!statSync(nearest).isDirectory())
    return [{ key: 'database.folder', expected, got: `${folder} (${nearest} is a file)` }];
  try {
    accessSync(nearest, constants.W_OK);
    return [];
  } catch (error) {
    const got = `${folder} (${nearest}: ${(error as NodeJS.ErrnoException).code ?? String(error)})`;
    return [{ key: 'database.folder', expected, got }];
  }
}

function certificateProblems(url: string): Problem[] {
  const { rootCertificate } = parsePostgresqlUrl(url);
  if (rootCertificate === undefined) return [];
  try {
    accessSync(rootCertificate, constants.R_OK);
    return [];
  } catch (error) {
    const got = (error as NodeJS.ErrnoException).code ?? String(error);
    return [{ key: 'database.url', expected: 'a readable file of certificates as sslrootcert', got }];
  }
}
