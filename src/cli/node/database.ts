/** The database of a node: opened if an application uses it, and then imported too. */
import type { LoadedApp } from '../../apps/loaded.ts';
import { ConfigError } from '../../config/config-error.ts';
import { parsePostgresqlUrl } from '../../config/postgresql-url.ts';
import type { Config } from '../../config/schema.ts';
import type { Database } from '../../database/database.ts';
import type { DatabaseDriver, Session } from '../../database/driver.ts';
import type { DatabaseLink, DatabaseTrouble } from '../../database/link.ts';
import type { DatabaseLook } from '../../database/look.ts';
import type { MigrationSet } from '../../database/migration.ts';
import type { DatabaseHealth } from '../../http/health.ts';
import type { DatabaseGauges } from '../../telemetry/gauges.ts';
import type { Log } from '../../telemetry/log.ts';
import type { LogFactory } from '../../telemetry/pino-log.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../../telemetry/system-clock.ts';
import { databaseProblems, migrationSets } from '../database-problems.ts';

export interface NodeDatabase extends DatabaseHealth {
  /** For the application of this name, if it uses it. */
  of(app: string): Database | null;
  trouble(): DatabaseTrouble | null;
  usage(): DatabaseGauges;
  /** For operators; `null` when it is away. */
  look(): Promise<DatabaseLook | null>;
  stop(): Promise<void>;
}

/**
 * Looks once whether it is there; if not, the node goes on and looks again.
 * @returns `null` when no application uses one
 * @throws ConfigError when there can be none
 */
export async function openNodeDatabase(
  config: Config,
  nodeName: string,
  apps: readonly LoadedApp[],
  logs: LogFactory,
): Promise<NodeDatabase | null> {
  const users = apps.filter(({ app }) => app.database !== undefined);
  if (users.length === 0) return null;
  const problems = databaseProblems(config, apps);
  if (problems.length > 0) throw new ConfigError(problems);
  const log = logs.room('database');
  const driver = await openDriver(config, `signalbox-${nodeName}`);
  if (driver.name === 'pglite') tellEmbedded(config, log);
  const { DatabaseLink } = await import('../../database/link.ts');
  const { ApplicationDatabase } = await import('../../database/database.ts');
  const sets = migrationSets(users, []);
  const isMigrating = driver.name === 'pglite' || config.database.migrate;
  const prepare = (session: Session): Promise<readonly string[]> => prepared(session, sets, isMigrating, log);
  const slowMs = config.database.slow_statement_ms;
  const link = new DatabaseLink(driver, { clock, scheduler, log, prepare, slowMs });
  await link.start();
  const databases = new Map(users.map(({ app: { name } }) => [name, new ApplicationDatabase(name, link, scheduler)]));
  return {
    name: driver.name,
    isNeeded: users.some(({ app }) => app.database?.isNeeded ?? true),
    of: (app) => databases.get(app) ?? null,
    trouble: () => link.trouble,
    usage: () => link.usage(),
    look: () => looked(link, sets),
    stop: () => link.stop(),
  };
}

/** @throws ConfigError when the folder is in use, or no database can be made of it */
export async function openDriver({ database }: Config, applicationName: string): Promise<DatabaseDriver> {
  const { url, folder = null, connect_timeout_ms: connectTimeoutMs, pool_waiting: maxWaiting } = database;
  if (url === undefined) {
    const { openPGlite } = await import('../../database/pglite-driver.ts');
    return openPGlite({ folder, waitMs: connectTimeoutMs, maxWaiting }, scheduler).catch((error: unknown) => {
      const got = error instanceof Error ? error.message : String(error);
      throw new ConfigError([{ key: 'database.folder', expected: 'a database that can be opened', got }]);
    });
  }
  const { PostgresqlDriver } = await import('../../database/postgresql-driver.ts');
  return new PostgresqlDriver({
    address: parsePostgresqlUrl(url),
    applicationName,
    max: database.pool_max,
    idleMs: database.pool_idle_secs * 1_000,
    connectTimeoutMs,
    statementTimeoutMs: database.statement_timeout_ms,
    maxWaiting,
  });
}

async function looked(link: DatabaseLink, sets: readonly MigrationSet[]): Promise<DatabaseLook | null> {
  const { lookAtDatabase } = await import('../../database/look.ts');
  try {
    // Statements of a look are none of an application, and are not counted.
    const session = await link.driver.acquire();
    try {
      return await lookAtDatabase(session, sets, () => clock.elapsed());
    } finally {
      session.release();
    }
  } catch {
    return null;
  }
}

async function prepared(
  session: Session,
  sets: readonly MigrationSet[],
  isMigrating: boolean,
  log: Log,
): Promise<readonly string[]> {
  const { migrate, migrationStatus } = await import('../../database/migrate.ts');
  if (isMigrating) {
    await migrate(session, sets, ({ app, name }) => log.info('Migration applied', { app, migration: name }));
    return [];
  }
  const status = await migrationStatus(session, sets);
  return status
    .filter(({ state }) => state === 'pending' || state === 'changed')
    .map(({ app, name }) => `${app}/${name}`);
}

function tellEmbedded(config: Config, log: Log): void {
  if (config.database.folder === undefined)
    log.warn(
      'Database is in memory: what applications keep is gone with this process; set database.folder or database.url',
      {},
    );
  if (config.redis.url !== undefined)
    log.warn('Database belongs to this node alone: set database.url if other nodes share its topics', {});
}
