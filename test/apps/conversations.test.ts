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
import { connect, type Connection } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { openServer, startServer, type TestServer } from '../harness/server.ts';

const EPOCH = 'talk';
const said = (content: unknown): { content: string } => ({ content: String(content) });
const contentOf = ({ data }: { data: { payload?: unknown } }): unknown =>
  (data.payload as { content?: unknown }).content;
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
    'apps.conversations.online': 'false',
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
    const acks = await ada.publishAll(topic, numbers(50).map(said));
    expect(acks.map(({ data }) => [data.status, data.sequence, data.epoch])).toEqual(
      numbers(50).map((n) => ['delivered', n, EPOCH]),
    );
    expect((await bob.take(50)).map(({ data }) => [data.sequence, data.payload])).toEqual(
      numbers(50).map((n) => [n, { event: 'message', type: 'text', content: `${n}`, n }]),
    );
    const once = { topic, payload: said('once'), idempotency_key: 'key' };
    const first = await ada.ask('Broadcast', once);
    const again = await ada.ask('Broadcast', { ...once, payload: said('another text') });
    expect([first.data.sequence, again.data.sequence]).toEqual([51, 51]);
    expect((await bob.take(1)).map(contentOf)).toEqual(['once']);
  });

  test('A-10, of topics and frames: strangers are told the same of a conversation of others and of none', async () => {
    await make('secret');
    const stranger = await connect(server.port, { user: 'stranger' });
    const answers = await Promise.all(
      ['conversation.secret', 'conversation.nowhere'].flatMap((topic) => [
        stranger.ask('Subscribe', { topics: [topic] }),
        stranger.publish(topic, said('hello')),
        stranger.ask('History', { topic, limit: 1 }),
      ]),
    );
    const words = answers.map(({ type, data }) => JSON.stringify([type, data]).replaceAll(/secret|nowhere/g, 'X'));
    expect(words.every((text) => text.includes('not_found'))).toBe(true);
    expect(words.slice(0, 3)).toEqual(words.slice(3));
  });

  test('D-11, of the first point: a node that is killed between its commit and the append loses nothing: the relay of another appends it at its number', async () => {
    const topic = await make('killed');
    const [ada, bob] = [await connect(server.port, { user: 'ada' }), await connect(server.port, { user: 'bob' })];
    await bob.subscribe(topic);
    await ada.publish(topic, said(1));
    // This is all that a node has done that ends here.
    const put = {
      tenant: '',
      conversation: 'killed',
      sender: 'ada',
      clientId: 'two',
      payload: '{"event":"message","type":"text","content":"2"}',
    };
    await senderOf(database).put(put);
    const seen = await bob.take(2);
    expect(seen.map((frame) => [frame.data.sequence, contentOf(frame)])).toEqual([
      [1, '1'],
      [2, '2'],
    ]);
    await eventually(async () => (await unappended(database, 0, 10)).length === 0, 'every conversation to be marked');
    // Its sender repeats it, as it has no answer.
    const again = await ada.ask('Broadcast', { topic, payload: said(2), idempotency_key: 'two' });
    expect(again.data.sequence).toBe(2);
  });

  test('a node without any log reads on in the table, under the same numbers', async () => {
    const topic = await make('kept');
    const ada = await connect(server.port, { user: 'ada' });
    await ada.publishAll(topic, numbers(30).map(said));
    const fresh = await start();
    const bob = await connect(fresh.port, { user: 'bob' });
    const { recovery } = await bob.subscribe({ topic, epoch: EPOCH, sequence: 10 });
    expect(recovery[topic]).toEqual({ recovered: true, missed: 20 });
    expect((await bob.take(20)).map(({ data }) => data.sequence)).toEqual(numbers(30).slice(10));
    const { data } = await (await connect(fresh.port, { user: 'ada' })).publish(topic, said(31));
    expect(data.sequence).toBe(31);
    expect((await bob.take(1)).map((frame) => frame.data.sequence)).toEqual([31]);
  });

  test('D-28, of the replay: a client that resumes before a deleted message gets its place, empty, every other one, and no gap', async () => {
    const topic = await make('redacted');
    const conversation = 'redacted';
    const [ada, bob] = [await connect(server.port, { user: 'ada' }), await connect(server.port, { user: 'bob' })];
    await bob.subscribe(topic);
    const ask = async (type: string, data: object): Promise<Record<string, unknown>> => {
      const reply = await ada.ask(`X-Conversation${type}`, { conversation, ...data });
      if (reply.type !== 'Status') throw new Error(JSON.stringify(reply.data));
      return reply.data['details'] as Record<string, unknown>;
    };
    for (const content of ['one', 'the first secret', 'three'])
      expect(await ask('Send', { content, clientId: content })).toMatchObject({ conversation, duplicate: false });
    await ask('Edit', { sequence: 2, content: 'the second secret' });
    await ask('React', { sequence: 3, emoji: '👍' });
    expect(await ask('Delete', { sequence: 2 })).toEqual({ id: 'redacted.2', of: 2, sequence: 6 });
    // Both follow the other conversations of their user too.
    const of = async (client: Connection, count: number): ReturnType<Connection['take']> => {
      const frames: Awaited<ReturnType<Connection['take']>> = [];
      while (frames.length < count) frames.push(...(await client.take(1)).filter(({ data }) => data.topic === topic));
      return frames;
    };
    expect((await of(bob, 6)).map(({ data }) => data.sequence)).toEqual(numbers(6));
    const tombstone = { event: 'message', type: 'text', deleted: true, n: 2 };
    const late = await connect(server.port, { user: 'bob' });
    const { recovery } = await late.subscribe({ topic, epoch: EPOCH, sequence: 0 });
    expect(recovery[topic]).toEqual({ recovered: true, missed: 6 });
    const replay = await of(late, 6);
    expect(replay.map(({ data }) => data.sequence)).toEqual(numbers(6));
    expect(replay.map(({ data }) => data.payload)).toEqual([
      { event: 'message', type: 'text', content: 'one', n: 1 },
      tombstone,
      { event: 'message', type: 'text', content: 'three', n: 3 },
      { event: 'edited', of: 2, deleted: true },
      { event: 'reaction', of: 3, emoji: '👍', added: true },
      { event: 'deleted', of: 2 },
    ]);
    const { data: history } = await late.ask('History', { topic, limit: 10 });
    expect(JSON.stringify([replay, history])).not.toContain('secret');
    const page = (await ask('Messages', { limit: 10 }))['messages'] as { deleted?: boolean; n: number }[];
    expect(page.map(({ n, deleted }) => [n, deleted])).toEqual([
      [1, undefined],
      [2, true],
      [3, undefined],
    ]);
    expect([...bob.frames, ...late.frames].filter(({ type }) => type === 'Gap')).toEqual([]);
    // Later messages come to both without a seam.
    await ask('Send', { content: 'after' });
    for (const client of [bob, late]) expect((await of(client, 1)).map(contentOf)).toEqual(['after']);
  });

  test('A-20: each bad message is refused with its field, by frame and by topic, and what looks like HTML stays text', async () => {
    const topic = await make('strict');
    const ada = await connect(server.port, { user: 'ada' });
    const bad: readonly (readonly [object, string])[] = [
      [{}, 'content'],
      [{ content: '' }, 'content'],
      [{ content: ' \n' }, 'content'],
      [{ content: 7 }, 'content'],
      [{ content: 'a'.repeat(2_001) }, 'content'],
      [{ content: 'nul \u0000' }, 'content'],
      [{ type: 'TEXT', content: 'x' }, 'type'],
      [{ type: 'sticker', content: 'x' }, 'type'],
      [{ type: 'image' }, 'attachments'],
      [{ type: 'image', attachments: 'x' }, 'attachments'],
      [{ type: 'image', attachments: [7] }, 'attachments.0'],
      [{ type: 'image', attachments: Array.from({ length: 11 }, () => 'x') }, 'attachments'],
      [{ content: 'x', attachments: ['x'] }, 'attachments'],
      [{ content: 'x', mentions: ['bob', ''] }, 'mentions.1'],
      [{ content: 'x', mentions: ['stranger'] }, 'mentions.0'],
      [{ content: 'x', parent: 'one' }, 'parent'],
      [{ content: 'x', parent: -1 }, 'parent'],
      [{ content: 'x', parent: 99 }, 'parent'],
      [{ content: 'x', metadata: [] }, 'metadata'],
      [{ content: 'x', metadata: { a: 'b'.repeat(2_100) } }, 'metadata'],
      [{ content: 'x', deleted: true }, '"deleted"'],
      [{ content: 'x', n: 7 }, '"n"'],
    ];
    for (const [body, field] of bad) {
      // A client that is wrong so often is sent away: each has another one.
      const client = await connect(server.port, { user: 'ada' });
      for (const reply of [
        await client.ask('X-ConversationSend', { conversation: 'strict', ...body }),
        await client.publish(topic, body),
      ])
        expect([reply.data['reason'], reply.data['code'], reply.data['message'].split(': ')[0]]).toEqual([
          'invalid_field',
          400,
          field,
        ]);
    }
    // The core refuses what is no text before anybody looks at it.
    const half = await ada.ask('X-ConversationSend', { conversation: 'strict', content: 'half \ud83d' });
    expect(half.data).toMatchObject({ reason: 'invalid_field', code: 400 });
    const html = '<script>alert(1)</script> & "quotes"';
    await ada.subscribe(topic);
    await ada.ask('X-ConversationSend', { conversation: 'strict', content: html });
    expect((await ada.take(1)).map(contentOf)).toEqual([html]);
    const { data } = await ada.ask('X-ConversationMessages', { conversation: 'strict' });
    expect((data['details'] as { messages: { content: string }[] }).messages.map(({ content }) => content)).toEqual([
      html,
    ]);
  });
});
