/** A database with the tables of one test: the driver is shared by a file, the schema is the test's own. */
import { silentLog } from '../telemetry/log.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../telemetry/system-clock.ts';
import { ApplicationDatabase } from './database.ts';
import type { DatabaseDriver } from './driver.ts';
import { DatabaseLink } from './link.ts';
import { migrate } from './migrate.ts';
import { readMigrations, type Migration, type MigrationSet } from './migration.ts';

export interface TestDatabase {
  readonly app: string;
  readonly set: MigrationSet;
  readonly link: DatabaseLink;
  readonly database: ApplicationDatabase;
}

let apps = 0;

/** A schema that no other test has, with a table for most of them. */
export const ITEMS: Migration = {
  name: '0001-items',
  sql: `create table items (id bigint primary key, owner text not null, body text not null, constraint body_short check (length(body) < 20));
create unique index items_owner_body on items (owner, body)`,
};

export interface Items {
  id: number;
  owner: string;
  body: string;
}

export function openDatabase(
  driver: DatabaseDriver,
  migrations: readonly Migration[] = [ITEMS],
): Promise<TestDatabase> {
  apps += 1;
  return openDatabaseOf(`test-${process.pid}-${apps}`, driver, migrations);
}

export async function openDatabaseOf(
  app: string,
  driver: DatabaseDriver,
  migrations: readonly Migration[],
): Promise<TestDatabase> {
  const set = readMigrations(app, migrations);
  const prepare: DatabaseLink['ports']['prepare'] = async (session) => {
    await migrate(session, [set]);
    return [];
  };
  const link = new DatabaseLink(driver, { clock, scheduler, log: silentLog, prepare });
  await link.start();
  return { app, set, link, database: new ApplicationDatabase(app, link, scheduler) };
}

/** What it was refused with. */
export async function problemOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => String((error as { problem?: unknown }).problem ?? error),
  );
}
