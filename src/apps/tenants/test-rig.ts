/** Tables of tenants on both databases, and a node's worth of what works with them. */
import { afterAll } from 'vitest';
import { pgliteFolder } from '../../../test/harness/pglite-folder.ts';
import { POSTGRESQL, startPostgresql } from '../../../test/harness/postgresql-server.ts';
import { parsePostgresqlUrl } from '../../config/postgresql-url.ts';
import type { ApplicationDatabase } from '../../database/database.ts';
import type { DatabaseDriver } from '../../database/driver.ts';
import { readMigrations } from '../../database/migration.ts';
import { openPGlite } from '../../database/pglite-driver.ts';
import { PostgresqlDriver } from '../../database/postgresql-driver.ts';
import { openDatabaseOf, type TestDatabase } from '../../database/test-rig.ts';
import type { JsonValue } from '../../protocol/frames.ts';
import { systemScheduler as scheduler } from '../../telemetry/system-clock.ts';
import { Registry } from './registry.ts';
import type { NewTenant } from './tenant.ts';

const { migrations } = readMigrations('tenants', new URL('./migrations/', import.meta.url));
const LIMITS = { max: 5, idleMs: 30_000, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000, maxWaiting: 1_000 };

const opened: TestDatabase[] = [];
afterAll(async () => {
  for (const { link } of opened.splice(0)) await link.stop();
});

async function openOn(driver: DatabaseDriver): Promise<ApplicationDatabase> {
  const it = await openDatabaseOf('tenants', driver, migrations);
  opened.push(it);
  return it.database;
}

export const DATABASES: readonly (readonly [string, boolean, () => Promise<ApplicationDatabase>])[] = [
  [
    'PGlite',
    true,
    async () => openOn(await openPGlite({ folder: await pgliteFolder(), waitMs: 5_000, maxWaiting: 1_000 }, scheduler)),
  ],
  [
    'PostgreSQL',
    POSTGRESQL !== null,
    async () => {
      const server = await startPostgresql();
      const address = parsePostgresqlUrl(server.url());
      return openOn(new PostgresqlDriver({ address, applicationName: 'test', ...LIMITS }));
    },
  ],
];

let made = 0;

/** A tenant with an id that no other test has. */
export function newTenant(more: Partial<NewTenant> = {}): NewTenant {
  made += 1;
  return {
    id: `tenant-${made}`,
    name: `Tenant ${made}`,
    plan: 'standard',
    rateLimit: 100,
    phoneNumberIds: [],
    integrationIds: [],
    subdomain: null,
    settings: {},
    ...more,
  };
}

/** Nodes that tell one another, or do not when `isDeaf` says so. */
export class TestNodes {
  private readonly handlers: ((data: JsonValue) => void)[] = [];
  isDeaf = false;
  now = 0;

  /** A registry of another node. */
  registry(database: ApplicationDatabase, cacheSecs = 10): Registry {
    const clock = { now: () => this.now, elapsed: () => this.now };
    const tell = (data: JsonValue): void => {
      if (!this.isDeaf) for (const handler of this.handlers) handler(data);
    };
    const host = {
      clock,
      emit: (_: string, data: JsonValue) => tell(data),
      on: (_: string, handler: (data: JsonValue, from: { readonly node: string }) => void) =>
        void this.handlers.push((data) => handler(data, { node: 'n' })),
    };
    return new Registry(host, database, { cacheSecs, cacheSize: 100 });
  }
}
