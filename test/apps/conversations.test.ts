/** Conversations on a node: one numbering in the table and in the log, also when a node is killed in between. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { senderOf } from '../../src/apps/conversations/sending.ts';
import { createConversation, unappended } from '../../src/apps/conversations/store.ts';
import { parsePostgresqlUrl } from '../../src/config/postgresql-url.ts';
import { ApplicationDatabase } from '../../src/database/database.ts';
import { DatabaseLink } from '../../src/database/link.ts';
import { PostgresqlDriver } from '../../src/database/postgresql-driver.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../../src/telemetry/system-clock.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { openServer, startServer, type TestServer } from '../harness/server.ts';

const EPOCH = 'talk';
const numbers = (to: number): number[] => Array.from({ length: to }, (_, at) => at + 1);

describe.skipIf(POSTGRESQL === null)('a node with conversations', () => {
  let postgresql: PostgresqlServer;
  let url: string;
  /** As a node that has the database, and nothing else. */
  let database: ApplicationDatabase;
  let link: DatabaseLink;
  let server: TestServer;
  const start = (): Promise<TestServer> => startServer(settings(), [app]);
  const settings = (): Readonly<Record<string, string>> => ({
    'database.url': url,
    'database.migrate': 'true',
    'rate_limiting.enabled': 'false',
  });

  beforeAll(async () => {
    postgresql = await startPostgresql();
    url = await postgresql.database();
    server = await openServer(settings(), [app]);
    const limits = { max: 5, idleMs: 30_000, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000, maxWaiting: 1_000 };
    const driver = new PostgresqlDriver({ address: parsePostgresqlUrl(url), applicationName: 'test', ...limits });
    link = new DatabaseLink(driver, { clock, scheduler, log: silentLog, prepare: async () => [] });
    await link.start();
    database = new ApplicationDatabase('conversations', link, scheduler);
  });
  afterAll(async () => {
    await server.stop();
    await link.stop();
    postgresql.end();
  });

  const make = async (id: string): Promise<string> => {
    await createConversation(database, { tenant: '', id, kind: 'private', epoch: EPOCH, members: ['ada', 'bob'] });
    return `conversation.${id}`;
  };

  test('members send and receive under the numbers of the table; the same key again is its first place', async () => {
    const topic = await make('a');
    const [ada, bob] = [await connect(server.port, { user: 'ada' }), await connect(server.port, { user: 'bob' })];
    await bob.subscribe(topic);
    const acks = await ada.publishAll(topic, numbers(50));
    expect(acks.map(({ data }) => [data.status, data.sequence, data.epoch])).toEqual(
      numbers(50).map((n) => ['delivered', n, EPOCH]),
    );
    expect((await bob.take(50)).map(({ data }) => [data.sequence, data.payload])).toEqual(
      numbers(50).map((n) => [n, n]),
    );
    const once = { topic, payload: 'once', idempotency_key: 'key' };
    const first = await ada.ask('Broadcast', once);
    const again = await ada.ask('Broadcast', { ...once, payload: 'another text' });
    expect([first.data.sequence, again.data.sequence]).toEqual([51, 51]);
    expect((await bob.take(1)).map(({ data }) => data.payload)).toEqual(['once']);
  });

  test('A-10, of topics and frames: strangers are told the same of a conversation of others and of none', async () => {
    await make('secret');
    const stranger = await connect(server.port, { user: 'stranger' });
    const answers = await Promise.all(
      ['conversation.secret', 'conversation.nowhere'].flatMap((topic) => [
        stranger.ask('Subscribe', { topics: [topic] }),
        stranger.publish(topic, 'hello'),
        stranger.ask('History', { topic, limit: 1 }),
      ]),
    );
    const said = answers.map(({ type, data }) => JSON.stringify([type, data]).replaceAll(/secret|nowhere/g, 'X'));
    expect(said.every((text) => text.includes('not_found'))).toBe(true);
    expect(said.slice(0, 3)).toEqual(said.slice(3));
  });

  test('D-11, of the first point: a node that is killed between its commit and the append loses nothing: the relay of another appends it at its number', async () => {
    const topic = await make('killed');
    const [ada, bob] = [await connect(server.port, { user: 'ada' }), await connect(server.port, { user: 'bob' })];
    await bob.subscribe(topic);
    await ada.publish(topic, 1);
    // This is all that a node has done that ends here.
    const put = { tenant: '', conversation: 'killed', sender: 'ada', clientId: 'two', payload: '2' };
    await senderOf(database).put(put);
    const seen = await bob.take(2);
    expect(seen.map(({ data }) => [data.sequence, data.payload])).toEqual([
      [1, 1],
      [2, 2],
    ]);
    await eventually(async () => (await unappended(database, 0, 10)).length === 0, 'every conversation to be marked');
    // Its sender repeats it, as it has no answer.
    const again = await ada.ask('Broadcast', { topic, payload: 2, idempotency_key: 'two' });
    expect(again.data.sequence).toBe(2);
  });

  test('a node without any log reads on in the table, under the same numbers', async () => {
    const topic = await make('kept');
    const ada = await connect(server.port, { user: 'ada' });
    await ada.publishAll(topic, numbers(30));
    const fresh = await start();
    const bob = await connect(fresh.port, { user: 'bob' });
    const { recovery } = await bob.subscribe({ topic, epoch: EPOCH, sequence: 10 });
    expect(recovery[topic]).toEqual({ recovered: true, missed: 20 });
    expect((await bob.take(20)).map(({ data }) => data.sequence)).toEqual(numbers(30).slice(10));
    const { data } = await (await connect(fresh.port, { user: 'ada' })).publish(topic, 31);
    expect(data.sequence).toBe(31);
    expect((await bob.take(1)).map((frame) => frame.data.sequence)).toEqual([31]);
  });
});
