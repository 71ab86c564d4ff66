/** Sending, and all else that is done with messages, on both databases. */
import { afterAll, describe } from 'vitest';
import { pgliteFolder } from '../../../test/harness/pglite-folder.ts';
import { POSTGRESQL, startPostgresql } from '../../../test/harness/postgresql-server.ts';
import { parsePostgresqlUrl } from '../../config/postgresql-url.ts';
import type { ApplicationDatabase } from '../../database/database.ts';
import { readMigrations } from '../../database/migration.ts';
import { openPGlite } from '../../database/pglite-driver.ts';
import { PostgresqlDriver } from '../../database/postgresql-driver.ts';
import { openDatabaseOf, type TestDatabase } from '../../database/test-rig.ts';
import type { DatabaseDriver } from '../../database/driver.ts';
import { systemScheduler as scheduler } from '../../telemetry/system-clock.ts';
import { sendingContract } from './contract-suite.ts';
import { messagesContract } from './messages/contract-suite.ts';

const { migrations } = readMigrations('conversations', new URL('./migrations/', import.meta.url));
const opened: TestDatabase[] = [];
afterAll(async () => {
  for (const { link } of opened) await link.stop();
});

async function open(driver: DatabaseDriver): Promise<ApplicationDatabase> {
  const test = await openDatabaseOf('conversations', driver, migrations);
  opened.push(test);
  return test.database;
}

type Two = readonly [ApplicationDatabase, ApplicationDatabase];

let pglite: Promise<Two> | null = null;
function twoOnPglite(): Promise<Two> {
  pglite ??= (async () => {
    const driver = await openPGlite({ folder: await pgliteFolder(), waitMs: 5_000, maxWaiting: 1_000 }, scheduler);
    return [await open(driver), await open(driver)] as const;
  })();
  return pglite;
}

let postgresql: Promise<Two> | null = null;
function twoOnPostgresql(): Promise<Two> {
  postgresql ??= (async () => {
    const server = await startPostgresql();
    const limits = { max: 5, idleMs: 30_000, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000, maxWaiting: 1_000 };
    const driverOf = (): DatabaseDriver =>
      new PostgresqlDriver({ address: parsePostgresqlUrl(server.url()), applicationName: 'test', ...limits });
    return [await open(driverOf()), await open(driverOf())] as const;
  })();
  return postgresql;
}

sendingContract('PGlite', twoOnPglite);
messagesContract('PGlite', twoOnPglite);

describe.skipIf(POSTGRESQL === null)('PostgreSQL', () => {
  sendingContract('PostgreSQL', twoOnPostgresql);
  messagesContract('PostgreSQL', twoOnPostgresql);
});
