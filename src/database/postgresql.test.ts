/** The contract on a real server, and what only a server can do: go away, come back, and have others on it. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../test/harness/deadline.ts';
import { ownTimer } from '../../test/harness/own-time.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../../test/harness/postgresql-server.ts';
import { parsePostgresqlUrl } from '../config/postgresql-url.ts';
import { databaseContract } from './contract-suite.ts';
import type { Session } from './driver.ts';
import { migrate } from './migrate.ts';
import { PostgresqlDriver, type PostgresqlOptions } from './postgresql-driver.ts';
import { ITEMS, openDatabase, problemOf, type Items, type TestDatabase } from './test-rig.ts';

const LIMITS = { max: 3, idleMs: 30_000, connectTimeoutMs: 2_000, statementTimeoutMs: 10_000, maxWaiting: 10 };

function driverOn(url: string, limits: Partial<PostgresqlOptions> = {}): PostgresqlDriver {
  return new PostgresqlDriver({
    address: parsePostgresqlUrl(url),
    applicationName: 'signalbox-test',
    ...LIMITS,
    ...limits,
  });
}

describe.skipIf(POSTGRESQL === null)('PostgreSQL', () => {
  let server: PostgresqlServer;
  beforeAll(async () => {
    server = await startPostgresql(['max_connections=12', 'superuser_reserved_connections=2']);
  });
  afterAll(() => server.end());

  databaseContract('PostgreSQL', async () => {
    const driver = driverOn(await server.database());
    return { driver, sessions: LIMITS.max, waitMs: LIMITS.connectTimeoutMs, dispose: () => driver.stop() };
  });

  /** It leaves no connection behind. */
  const open = async (limits: Partial<PostgresqlOptions> = {}): Promise<TestDatabase> => {
    const test = await openDatabase(driverOn(await server.database(), limits));
    onTestFinished(() => test.link.stop());
    return test;
  };

  test('A-25: every connection is terminated, idle ones and those in use: the next query works', async () => {
    const { database, link } = await open();
    const count = (): Promise<unknown> =>
      database.sql`select 1 as one`.execute(database.tables()).then(({ rows }) => rows);
    const interrupted = problemOf(
      database.transaction<{ items: Items }, void>(async (tables) => {
        await tables.insertInto('items').values({ id: 1, owner: 'ada', body: 'lost' }).execute();
        await Promise.all([count(), count()]);
        await server.terminateAll();
        await tables.insertInto('items').values({ id: 2, owner: 'ada', body: 'lost' }).execute();
      }),
    );
    expect(await interrupted).toBe('away');
    expect(await count()).toEqual([{ one: 1 }]);
    await server.terminateAll();
    expect(await Promise.all([count(), count(), count()])).toEqual([1, 2, 3].map(() => [{ one: 1 }]));
    expect(await database.tables<{ items: Items }>().selectFrom('items').select('id').execute()).toEqual([]);
    expect(link.usage().lost).toBeGreaterThan(0);
    expect(link.trouble).toBe(null);
  });

  test('a session whose connection broke while nobody looked begins its transaction on another one', async () => {
    const { link } = await open({ max: 1 });
    const session = await link.acquire();
    await session.query('select 1', []);
    await server.terminateAll();
    await session.begin();
    await session.query('select 1', []);
    await session.commit();
    session.release();
    expect(link.usage()).toMatchObject({ busy: 0, idle: 1 });
  });

  test('a write that was under way when its connection ended is unknown, and a read is done again', async () => {
    const { database, link } = await open();
    const { sql } = database;
    const isUnderWay = async (mark: string): Promise<boolean> => {
      const found = `select 1 from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%${mark}%'`;
      return (await server.query(found)).length === 1;
    };
    const write = problemOf(sql`with w as (select 'a write') select pg_sleep(5) from w`.execute(database.tables()));
    await eventually(() => isUnderWay('a write'), 'the write to run');
    const read = sql`select 'a read' as read, pg_sleep(0.3)`.execute(database.tables());
    await eventually(() => isUnderWay('a read'), 'the read to run');
    await server.terminateAll();
    expect(await write).toBe('unknown');
    expect((await read).rows).toMatchObject([{ read: 'a read' }]);
    expect(link.usage().failures.get('unknown')).toBe(1);
  });

  test('A-23: the server is stopped: at once refused, nobody waits; it comes back: used again, without a new process', async () => {
    const { database, link } = await open();
    const ready: string[] = [];
    database.onReady(() => ready.push('ready'));
    await server.stop();
    expect(await problemOf(database.sql`select 1`.execute(database.tables()))).toBe('away');
    expect(link.trouble).toBe('away');
    const elapsed = ownTimer();
    const many = Array.from({ length: 100 }, () => problemOf(database.sql`select 1`.execute(database.tables())));
    expect(new Set(await Promise.all(many))).toEqual(new Set(['away']));
    expect(elapsed()).toBeLessThan(500);
    await server.start();
    await eventually(() => database.isReady, 'the database to be ready again');
    expect((await database.sql`select 1 as one`.execute(database.tables())).rows).toEqual([{ one: 1 }]);
    expect(ready).toEqual(['ready', 'ready']);
  });

  test('D-38: a statement that takes too long is cancelled, and its connection goes on', async () => {
    const { database, link } = await open({ statementTimeoutMs: 100 });
    expect(await problemOf(database.sql`select pg_sleep(5)`.execute(database.tables()))).toBe('timeout');
    expect((await database.sql`select 1 as one`.execute(database.tables())).rows).toEqual([{ one: 1 }]);
    expect(link.usage().lost).toBe(0);
  });

  test('W-35: a server that takes no more connections is a temporary problem, told and not waited for', async () => {
    const { database } = await open();
    const others: PostgresqlDriver[] = [];
    onTestFinished(async () => void (await Promise.all(others.map((driver) => driver.stop()))));
    const sessions: Session[] = [];
    const next = (): Promise<Session> => {
      const driver = driverOn(server.url(), { max: 1 });
      others.push(driver);
      return driver.acquire();
    };
    const refusal = async (): Promise<unknown> => {
      for (;;) {
        try {
          sessions.push(await next());
        } catch (error) {
          return error;
        }
      }
    };
    const refused = await refusal();
    expect(refused).toMatchObject({ problem: 'exhausted', isTemporary: true, sqlState: '53300' });
    for (const session of sessions) session.release();
    await Promise.all(others.map((driver) => driver.stop()));
    await eventually(
      async () => (await problemOf(database.sql`select 1`.execute(database.tables()))) === 'none',
      'room on the server',
    );
  });

  test('a transaction to which another was first runs again', async () => {
    const { database } = await open();
    const tables = database.tables<{ items: Items }>();
    await tables.insertInto('items').values({ id: 1, owner: '0', body: 'counted' }).execute();
    let runs = 0;
    const count = (): Promise<void> =>
      database.transaction<{ items: Items }, void>(
        async (own) => {
          runs += 1;
          const { owner } = await own.selectFrom('items').select('owner').executeTakeFirstOrThrow();
          await own
            .updateTable('items')
            .set({ owner: String(Number(owner) + 1) })
            .execute();
        },
        { isolation: 'repeatable read', attempts: 10 },
      );
    await Promise.all([count(), count(), count()]);
    expect(await tables.selectFrom('items').select('owner').execute()).toEqual([{ owner: '3' }]);
    expect(runs).toBeGreaterThanOrEqual(3);
  });

  test('W-34: nodes that start at the same time apply a migration once', async () => {
    const url = await server.database();
    const drivers = [1, 2, 3].map(() => driverOn(url));
    const sets = [
      {
        app: 'together',
        migrations: [ITEMS, { name: '0002-slow', sql: 'select pg_sleep(0.1); create table more (id int)' }],
      },
    ];
    const done = await Promise.all(
      drivers.map(async (driver) => {
        const session = await driver.acquire();
        const applied = await migrate(session, sets);
        session.release();
        return applied.map(({ name }) => name);
      }),
    );
    expect(done.flat().sort()).toEqual(['0001-items', '0002-slow']);
    await Promise.all(drivers.map((driver) => driver.stop()));
  });

  test('a password is in no message', async () => {
    const driver = driverOn(server.url('missing').replace('postgres@', 'postgres:hunter2@'));
    const refused: unknown = await driver.acquire().catch((error: unknown) => error);
    expect(refused).toMatchObject({ problem: 'away', sqlState: '3D000' });
    expect(`${String(refused)} ${driver.place}`).not.toContain('hunter2');
    await driver.stop();
  });
});
