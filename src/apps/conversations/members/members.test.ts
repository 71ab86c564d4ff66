/** Conversations and members on both databases. */
import { afterAll, describe } from 'vitest';
import { pgliteFolder } from '../../../../test/harness/pglite-folder.ts';
import { POSTGRESQL, startPostgresql } from '../../../../test/harness/postgresql-server.ts';
import { parsePostgresqlUrl } from '../../../config/postgresql-url.ts';
import type { ApplicationDatabase } from '../../../database/database.ts';
import type { DatabaseDriver } from '../../../database/driver.ts';
import { readMigrations } from '../../../database/migration.ts';
import { openPGlite } from '../../../database/pglite-driver.ts';
import { PostgresqlDriver } from '../../../database/postgresql-driver.ts';
import { openDatabaseOf, type TestDatabase } from '../../../database/test-rig.ts';
import { systemScheduler as scheduler } from '../../../telemetry/system-clock.ts';
import { membersContract } from './contract-suite.ts';
import { killedContract } from './killed-suite.ts';
import { recordsContract } from './records-suite.ts';

const { migrations } = readMigrations('conversations', new URL('../migrations/', import.meta.url));
const opened: TestDatabase[] = [];
afterAll(async () => {
  for (const { link } of opened) await link.stop();
});

async function open(driver: DatabaseDriver): Promise<ApplicationDatabase> {
  const test = await openDatabaseOf('conversations', driver, migrations);
  opened.push(test);
  return test.database;
}

let pglite: ReturnType<typeof openTwice> | null = null;
let postgresql: ReturnType<typeof openTwice> | null = null;

async function openTwice(driverOf: () => DatabaseDriver): Promise<readonly [ApplicationDatabase, ApplicationDatabase]> {
  return [await open(driverOf()), await open(driverOf())];
}

async function onPGlite(): ReturnType<typeof openTwice> {
  const driver = await openPGlite({ folder: await pgliteFolder(), waitMs: 30_000, maxWaiting: 1_000 }, scheduler);
  return openTwice(() => driver);
}

async function onPostgresql(): ReturnType<typeof openTwice> {
  const server = await startPostgresql();
  const limits = { max: 5, idleMs: 30_000, connectTimeoutMs: 30_000, statementTimeoutMs: 30_000, maxWaiting: 1_000 };
  const address = parsePostgresqlUrl(server.url());
  return openTwice(() => new PostgresqlDriver({ address, applicationName: 'test', ...limits }));
}

for (const contract of [membersContract, recordsContract]) contract('PGlite', () => (pglite ??= onPGlite()));
killedContract('PGlite', async () => (await (pglite ??= onPGlite()))[0]);

describe.skipIf(POSTGRESQL === null)('PostgreSQL', () => {
  for (const contract of [membersContract, recordsContract])
    contract('PostgreSQL', () => (postgresql ??= onPostgresql()));
});
