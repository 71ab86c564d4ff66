/** PostgreSQL that goes away, lacks tables and an index, and holds locks: what doctor says through the node. */
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { DATABASE_CHECKS } from '../../src/doctor/checks/database/all.ts';
import { examine } from '../../src/doctor/examine.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import type { App } from '../../src/index.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { patient } from '../harness/patient.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { named } from '../harness/symptoms.ts';
import { appOf } from '../harness/apps.ts';

const MAKES =
  'create table things (id bigint primary key, owner text not null); create index things_of on things (owner)';

function app(): App {
  const migrations = [{ name: '0001-things', sql: MAKES }];
  const storing = appOf('things', (host) => {
    const { database } = host;
    if (database === null) throw new Error('expected a database');
    const handle = async (owner: string) => {
      await database.sql`insert into things.things (id, owner) values (1, ${owner})`.execute(database.tables());
      return { owner };
    };
    return { frames: { 'X-Thing': host.frame({ schema: (z) => z.string(), handle }) } };
  });
  return { ...storing, database: { migrations, isNeeded: false } };
}

async function wrong({ url }: TestServer): Promise<readonly Finding[]> {
  const { findings } = await examine(DATABASE_CHECKS, await patient({ url }), systemScheduler);
  return findings.filter(({ level }) => level !== 'ok');
}

/** The answer of a node stands for a second. */
async function eventuallyWrong(node: TestServer, check: string, says: RegExp, ms?: number): Promise<Finding> {
  let found: Finding | undefined;
  await eventually(
    async () => {
      found = (await wrong(node)).find((finding) => finding.check === check && says.test(finding.says));
      return found !== undefined;
    },
    `${check} to say ${String(says)}`,
    ms,
  );
  return found as Finding;
}

describe.skipIf(POSTGRESQL === null)('a node with PostgreSQL', () => {
  let postgresql: PostgresqlServer;
  beforeAll(async () => {
    postgresql = await startPostgresql();
  });
  afterAll(() => postgresql.end());

  const start = async (settings: Readonly<Record<string, string>>): Promise<readonly [TestServer, string]> => {
    const url = await postgresql.database();
    const given = { 'admin.token': ADMIN_TOKEN, 'database.url': url, ...settings };
    return [await startServer(given, [app()]), url];
  };

  const session = async (url: string): Promise<Client> => {
    const client = new Client({ connectionString: url, application_name: 'a-test' });
    client.on('error', () => {});
    await client.connect();
    onTestFinished(() => client.end().catch(() => {}));
    return client;
  };

  test(
    'A-46, L-29: all is well; an index is dropped; somebody waits for a lock; it stops',
    { timeout: 60_000 },
    async () => {
      const [node, url] = await start({ 'database.migrate': 'true' });
      const { findings } = await examine(DATABASE_CHECKS, await patient({ url: node.url }), systemScheduler);
      expect(findings.map(({ check, level }) => `${level} ${check}`)).toEqual(
        ['reachable', 'pool', 'migrations', 'long', 'space'].map((name) => `ok database.${name}`),
      );
      const [holder, waiter] = [await session(url), await session(url)];
      await holder.query('drop index things.things_of');
      await eventuallyWrong(node, 'database.migrations', /the index things\.things_of is missing/);
      await named('index-missing', { node: node.url, isHere: true });
      await holder.query('begin; lock table things.things in access exclusive mode');
      const waiting = waiter.query("insert into things.things values (1, 'what alice says')").catch(() => {});
      await eventuallyWrong(node, 'database.long', /waits for a lock of process \d+/);
      const { line, cure } = await named('statements-queue', { node: node.url, isHere: true });
      expect(line).toMatch(/a-test, active, insert\) .* waits for a lock of process \d+/);
      expect(cure).toMatch(/^select pg_terminate_backend/);
      expect(line).not.toContain('what alice says');
      await holder.query('rollback');
      await waiting;
      await postgresql.stop();
      // A client that stores something makes the node notice it; a look of doctor alone says it in other words.
      const client = await connect(node.port, { user: 'ada' });
      expect(await client.ask('X-Thing', 'mine')).toMatchObject({ type: 'Error' });
      await eventuallyWrong(node, 'database.reachable', /the database \(postgresql\) is away/);
      expect((await named('database-away', { node: node.url })).cure).toContain('start PostgreSQL');
      await postgresql.start();
    },
  );

  test('every connection of the pool waits for a lock, and others wait for a connection', async () => {
    const [node, url] = await start({
      'database.migrate': 'true',
      'database.pool_max': '2',
      'database.connect_timeout_ms': '500',
    });
    const holder = await session(url);
    await holder.query('begin; lock table things.things in access exclusive mode');
    const clients = await Promise.all(['ada', 'bob', 'eve'].map((user) => connect(node.port, { user })));
    for (const client of clients) client.send('X-Thing', 'mine');
    await eventuallyWrong(node, 'database.pool', /became free/);
    const { cure } = await named('pool-exhausted', { node: node.url });
    expect(cure).toContain('database.pool_max');
    await holder.query('rollback');
  });

  test('a statement that takes all of a processor, and one connection after the other that nobody closes', async () => {
    const [node, url] = await start({ 'database.migrate': 'true' });
    const [{ most } = { most: 0 }] = (await postgresql.query(
      "select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as most",
    )) as readonly { readonly most: number }[];
    const busy = await session(url);
    const counting = busy.query('select count(*) from generate_series(1, 100000000000)').catch(() => {});
    const taken = (): Promise<number> =>
      postgresql.query('select 1 from pg_stat_activity').then(({ length }) => length);
    // Some processes of the server itself are among them.
    while ((await taken()) < most) await Promise.all(Array.from({ length: 5 }, () => session(url)));
    const { cure: closing } = await named('connections-used-up', { node: node.url, isHere: true });
    expect(closing).toContain('max_connections');
    await eventuallyWrong(node, 'database.long', /active, select\) lasts \d+ s/, 30_000);
    const { line, cure } = await named('statement-long', { node: node.url, isHere: true });
    expect(line).toContain('a-test, active, select');
    expect(cure).toMatch(/^select pg_terminate_backend/);
    const pid = /process (\d+)/.exec(line)?.[1] ?? '';
    // The cure ends it.
    await postgresql.query(`select pg_terminate_backend(${pid})`);
    await counting;
  }, 60_000);

  test('its tables are missing', async () => {
    const [node] = await start({});
    expect(await wrong(node)).toContainEqual(
      expect.objectContaining({ check: 'database.reachable', cure: './signalbox database migrate' }),
    );
    const { line, cure } = await named('relation-missing', { node: node.url });
    expect([line, cure]).toEqual([
      expect.stringContaining('things/0001-things is pending') as string,
      './signalbox database migrate',
    ]);
  });
});
