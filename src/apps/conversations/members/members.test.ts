/** Conversations and members on both databases. */
import { afterAll, describe, expect, test } from 'vitest';
import { eventually } from '../../../../test/harness/deadline.ts';
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
import type { Tables } from '../tables.ts';
import { membersContract } from './contract-suite.ts';
import { privateId } from './ids.ts';
import { killedContract } from './killed-suite.ts';
import { openPrivate } from './members.ts';
import { recordsContract } from './records-suite.ts';
import { find } from './standing.ts';
import { actorOf, good, rigOf } from './test-rig.ts';

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

  test('A-13: a conversation that begins while it is looked for has its members', async () => {
    const [one, two] = await (postgresql ??= onPostgresql());
    const { ports } = rigOf(one);
    const [tenant, ada, eve] = ['', actorOf('ada'), actorOf('eve')];
    const id = privateId(tenant, ['ada', 'eve']);
    // Its pool has two connections by then.
    expect(await find(two.tables<Tables>(), { ...eve, id })).toBeNull();
    let looked: ReturnType<typeof find> | undefined;
    await one.transaction<Tables, void>(async (tables) => {
      // The look at the conversation waits for the commit; that at its members, which has a connection of its own, does not.
      await one.sql`lock table conversations.conversations in access exclusive mode`.execute(tables);
      looked = find(two.tables<Tables>(), { ...eve, id });
      await eventually(async () => {
        const { rows } = await one.sql<{ waiting: boolean }>`
          select exists (select from pg_locks where relation = 'conversations.conversations'::regclass and not granted) as waiting`.execute(
          tables,
        );
        return rows[0]?.waiting === true;
      }, 'the look to wait for the lock');
      await tables
        .insertInto('conversations')
        .values({ tenant, id, kind: 'private', epoch: 'e', created_by: ada.user })
        .execute();
      const members = [ada, eve].map(({ user }) => ({ tenant, conversation: id, user_id: user }));
      await tables.insertInto('members').values(members).execute();
    });
    expect((await looked)?.member?.user_id).toBe('eve');
    expect(good(await openPrivate(ports, eve, { with: 'ada' })).isNew).toBe(false);
  });
});
