/** Sending, and all else that is done with messages, on both databases. */
import { afterAll, describe, expect, test } from 'vitest';
import { pgliteFolder } from '../../../test/harness/pglite-folder.ts';
import { POSTGRESQL, startPostgresql } from '../../../test/harness/postgresql-server.ts';
import { eventually } from '../../../test/harness/deadline.ts';
import { parsePostgresqlUrl } from '../../config/postgresql-url.ts';
import type { ApplicationDatabase } from '../../database/database.ts';
import { readMigrations } from '../../database/migration.ts';
import { openPGlite } from '../../database/pglite-driver.ts';
import { PostgresqlDriver } from '../../database/postgresql-driver.ts';
import { openDatabaseOf, type TestDatabase } from '../../database/test-rig.ts';
import type { DatabaseDriver } from '../../database/driver.ts';
import { systemScheduler as scheduler } from '../../telemetry/system-clock.ts';
import { sendingContract } from './contract-suite.ts';
import { clocksContract } from './messages/clocks-suite.ts';
import { messagesContract } from './messages/contract-suite.ts';
import { messagesOf, rowsQuery } from './messages/page.ts';
import { senderOf } from './sending.ts';
import { actorOf, makeConversation, rigOf } from './messages/test-rig.ts';

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
    const driver = await openPGlite({ folder: await pgliteFolder(), waitMs: 30_000, maxWaiting: 1_000 }, scheduler);
    return [await open(driver), await open(driver)] as const;
  })();
  return pglite;
}

let postgresql: Promise<Two> | null = null;
function twoOnPostgresql(): Promise<Two> {
  postgresql ??= (async () => {
    const server = await startPostgresql();
    const limits = { max: 5, idleMs: 30_000, connectTimeoutMs: 30_000, statementTimeoutMs: 30_000, maxWaiting: 1_000 };
    const driverOf = (): DatabaseDriver =>
      new PostgresqlDriver({ address: parsePostgresqlUrl(server.url()), applicationName: 'test', ...limits });
    return [await open(driverOf()), await open(driverOf())] as const;
  })();
  return postgresql;
}

sendingContract('PGlite', twoOnPglite);
messagesContract('PGlite', twoOnPglite);
clocksContract('PGlite', twoOnPglite);

describe.skipIf(POSTGRESQL === null)('PostgreSQL', () => {
  sendingContract('PostgreSQL', twoOnPostgresql);
  messagesContract('PostgreSQL', twoOnPostgresql);
  clocksContract('PostgreSQL', twoOnPostgresql);

  test('a message whose connection breaks before the answer is unknown: without an id it may be there already, and is not sent again', async () => {
    const [database, other] = await twoOnPostgresql();
    const id = await makeConversation(database);
    const sender = senderOf(database);
    const release = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const holding = other.transaction(async (tables) => {
      await other.sql`select from conversations.conversations where id = ${id} for update`.execute(tables);
      held.resolve();
      await release.promise;
    });
    await held.promise;
    const sending = sender
      .put({ tenant: '', conversation: id, sender: 'ada', clientId: null, payload: '{}' })
      .catch((error: unknown) => error);
    const terminate = async (): Promise<boolean> => {
      const { rows } = await other.sql`select pg_terminate_backend(pid) from pg_stat_activity
        where wait_event_type = 'Lock' and query like '%conversations.send(%' and pid <> pg_backend_pid()`.execute(
        other.tables(),
      );
      return rows.length > 0;
    };
    await eventually(terminate, 'the statement to wait for the conversation');
    release.resolve();
    await holding;
    expect(await sending).toMatchObject({ problem: 'unknown' });
  });

  test('A-18, D-35: of a conversation of 100,000 messages a page reads its own rows alone, by the index and without a sort', async () => {
    const [database] = await twoOnPostgresql();
    const id = await makeConversation(database);
    await database.sql`insert into conversations.events (tenant, conversation, sequence, message, sender, payload, sent_at)
      select '', ${id}, n, n, 'ada', '{"event":"message","type":"text","content":"' || n || '"}', now()
      from generate_series(1, 100000) as n`.execute(database.tables());
    await database.sql`update conversations.conversations set head = 100000, messages = 100000 where id = ${id}`.execute(
      database.tables(),
    );
    const range = { after: 0, to: Number.MAX_SAFE_INTEGER };
    for (const place of [{}, { before: 50_000 }, { after: 50_000 }, { before: 100 }]) {
      const query = rowsQuery(database, '', { conversation: id, ...place }, range).limit(51);
      const plan = JSON.stringify(await query.explain('text', database.sql`analyze, timing off`));
      expect(plan).toMatch(/Index Scan (?:Backward )?using events_pkey/);
      expect(plan).not.toMatch(/Sort|Seq Scan|Bitmap/);
      expect(plan).toMatch(/Index Scan [^"]*actual rows=51 /);
    }
    const answer = await messagesOf(rigOf(database).ports, actorOf('ada'), { conversation: id });
    expect(answer).toMatchObject({ hasMore: true, total: 100_000, messages: { length: 50, 49: { n: 100_000 } } });
  });
});
