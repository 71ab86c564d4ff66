/** PostgreSQL that goes away, lacks tables and an index, and holds locks: what doctor says through the node. */
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { DATABASE_CHECKS } from '../../src/doctor/checks/database/all.ts';
import { examine } from '../../src/doctor/examine.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import type { App } from '../../src/index.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { eventually } from '../harness/deadline.ts';
import { patient } from '../harness/patient.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { appOf } from '../harness/apps.ts';

const MAKES =
  'create table things (id bigint primary key, owner text not null); create index things_of on things (owner)';

function app(): App {
  const migrations = [{ name: '0001-things', sql: MAKES }];
  return { ...appOf('things', () => ({})), database: { migrations, isNeeded: false } };
}

async function wrong({ url }: TestServer): Promise<readonly Finding[]> {
  const { findings } = await examine(DATABASE_CHECKS, await patient({ url }), systemScheduler);
  return findings.filter(({ level }) => level !== 'ok');
}

/** The answer of a node stands for a second. */
async function eventuallyWrong(node: TestServer, check: string, says: RegExp): Promise<Finding> {
  let found: Finding | undefined;
  await eventually(
    async () => {
      found = (await wrong(node)).find((finding) => finding.check === check && says.test(finding.says));
      return found !== undefined;
    },
    `${check} to say ${String(says)}`,
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

  test('A-46: all is well; an index is dropped; somebody waits for a lock; it stops', { timeout: 60_000 }, async () => {
    const [node, url] = await start({ 'database.migrate': 'true' });
    const { findings } = await examine(DATABASE_CHECKS, await patient({ url: node.url }), systemScheduler);
    expect(findings.map(({ check, level }) => `${level} ${check}`)).toEqual(
      ['reachable', 'pool', 'migrations', 'long', 'space'].map((name) => `ok database.${name}`),
    );
    const [holder, waiter] = [await session(url), await session(url)];
    await holder.query('drop index things.things_of');
    expect(await eventuallyWrong(node, 'database.migrations', /the index things\.things_of is missing/)).toMatchObject({
      level: 'warn',
    });
    await holder.query('begin; lock table things.things in access exclusive mode');
    const waiting = waiter.query("insert into things.things values (1, 'what alice says')").catch(() => {});
    const locked = await eventuallyWrong(
      node,
      'database.long',
      /a-test, active, insert\) .* waits for a lock of process \d+/,
    );
    expect(locked).toMatchObject({
      level: 'fail',
      cure: expect.stringMatching(/^select pg_terminate_backend/) as string,
    });
    expect(JSON.stringify(locked)).not.toContain('what alice says');
    await holder.query('rollback');
    await waiting;
    await postgresql.stop();
    const away = await eventuallyWrong(
      node,
      'database.reachable',
      /the database \(postgresql\) (?:is away|does not answer)/,
    );
    expect(away).toMatchObject({ level: 'fail', cure: expect.stringMatching(/start PostgreSQL/) as string });
    await postgresql.start();
  });

  test('its tables are missing', async () => {
    const [node] = await start({});
    expect(await wrong(node)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ check: 'database.reachable', cure: './signalbox database migrate' }),
        expect.objectContaining({
          check: 'database.migrations',
          says: expect.stringContaining('things/0001-things is pending') as string,
        }),
      ]),
    );
  });
});
