/** Positions, counts and lists on both databases. */
import { afterAll, describe } from 'vitest';
import { pgliteFolder } from '../../../../test/harness/pglite-folder.ts';
import { POSTGRESQL, startPostgresql } from '../../../../test/harness/postgresql-server.ts';
import { parsePostgresqlUrl } from '../../../config/postgresql-url.ts';
import type { ApplicationDatabase } from '../../../database/database.ts';
import { readMigrations } from '../../../database/migration.ts';
import { openPGlite } from '../../../database/pglite-driver.ts';
import { PostgresqlDriver } from '../../../database/postgresql-driver.ts';
import { openDatabaseOf, type TestDatabase } from '../../../database/test-rig.ts';
import type { DatabaseDriver } from '../../../database/driver.ts';
import { systemScheduler as scheduler } from '../../../telemetry/system-clock.ts';
import { positionsContract } from './contract-suite.ts';

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

positionsContract(
  'PGlite',
  async () => {
    const driver = await openPGlite({ folder: await pgliteFolder(), waitMs: 30_000, maxWaiting: 1_000 }, scheduler);
    const database = await open(driver);
    return [database, await open(driver)];
  },
  4,
);

describe.skipIf(POSTGRESQL === null)('PostgreSQL', () => {
  positionsContract(
    'PostgreSQL',
    async () => {
      const server = await startPostgresql();
      const limits = {
        max: 5,
        idleMs: 30_000,
        connectTimeoutMs: 30_000,
        statementTimeoutMs: 30_000,
        maxWaiting: 1_000,
      };
      const driverOf = (): DatabaseDriver =>
        new PostgresqlDriver({ address: parsePostgresqlUrl(server.url()), applicationName: 'test', ...limits });
      return [await open(driverOf()), await open(driverOf())];
    },
    12,
  );
});
