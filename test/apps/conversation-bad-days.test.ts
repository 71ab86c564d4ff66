/** Conversations of two nodes on bad days: the database stops, Redis is emptied. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { openAppNodes } from '../harness/app-nodes.ts';
import { connect, type Connection } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { POSTGRESQL, type PostgresqlServer } from '../harness/postgresql-server.ts';
import type { RedisServer } from '../harness/redis-server.ts';
import type { TestServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

describe.skipIf(POSTGRESQL === null)('conversations on bad days', () => {
  let postgresql: PostgresqlServer;
  let redis: RedisServer;
  let nodes: readonly [TestServer, TestServer];
  let stop: () => Promise<void>;
  beforeAll(async () => {
    ({ postgresql, redis, nodes, stop } = await openAppNodes(app, { 'apps.conversations.online': 'false' }));
  }, 60_000);
  afterAll(() => stop());

  const open = (user: string, node = 0): Promise<Connection> => connect(nodes[node]?.port ?? 0, { user });
  const begin = async (user: string, other: string): Promise<{ client: Connection; id: string; topic: string }> => {
    const client = await open(user);
    const { data } = await client.ask('X-ConversationCreate', { kind: 'private', with: other });
    const { id } = (data.details as { conversation: { id: string } }).conversation;
    return { client, id, topic: `conversation.${id}` };
  };
  const send = (client: Connection, conversation: string, content: string): ReturnType<Connection['ask']> =>
    client.ask('X-ConversationSend', { conversation, clientId: content, content });
  const placeOf = ({ data }: Awaited<ReturnType<typeof send>>): number =>
    (data.details as { sequence: number }).sequence;
  const read = async (client: Connection, count: number): Promise<[unknown, string][]> =>
    (await client.take(count)).map(({ data }) => [data.sequence, (data.payload as { content: string }).content]);

  test('A-23, A-25: the database stops: reading is 503 database_unavailable, sending is refused for now, live topics flow on, and all of it is back by itself', async () => {
    const { client: ada, id } = await begin('ada', 'bob');
    const bob = await open('bob', 1);
    await bob.status('subscribed');
    await bob.subscribe('game.live');
    expect(placeOf(await send(ada, id, 'before'))).toBe(1);
    expect(await read(bob, 1)).toEqual([[1, 'before']]);

    await postgresql.stop();
    const away = { type: 'Error', data: { reason: 'database_unavailable', temporary: true } };
    for (const [type, data] of [
      ['X-ConversationSend', { conversation: id, clientId: 'meanwhile', content: 'meanwhile' }],
      ['X-ConversationMessages', { conversation: id }],
      ['X-ConversationList', {}],
      ['X-ConversationRead', { conversation: id }],
      ['X-ConversationCreate', { kind: 'private', with: 'eve' }],
    ] as const)
      expect(await ada.ask(type, data), type).toMatchObject(away);
    const authorization = `Bearer ${await tokenOf('root', { roles: ['admin'] })}`;
    const answer = await fetch(`http://127.0.0.1:${nodes[0]?.port}/apps/conversations/conversations`, {
      headers: { authorization },
    });
    expect([answer.status, await answer.json()]).toMatchObject([503, { error: { reason: 'database_unavailable' } }]);
    expect((await ada.publish('game.live', { content: 'topics go on' })).type).toBe('Ack');
    expect((await bob.take(1)).map(({ data }) => data.payload)).toEqual([{ content: 'topics go on' }]);

    await postgresql.start();
    await eventually(
      async () => (await send(ada, id, 'meanwhile')).type === 'Status',
      'the conversation to take the message',
    );
    expect(await read(bob, 1)).toEqual([[2, 'meanwhile']]);
    // Each node finds out for itself, and takes nobody whose conversations it cannot read.
    for (const { port } of nodes)
      await eventually(async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok, 'a node with its database');
  });

  test('Redis is emptied: both nodes go on under the same numbers, and what the log lacks is read from the table', async () => {
    const { client: cyd, id, topic } = await begin('cyd', 'dan');
    const dan = await open('dan', 1);
    // From here on it follows.
    await dan.status('subscribed');
    for (const content of ['one', 'two', 'three']) await send(cyd, id, content);
    expect(await read(dan, 3)).toEqual([
      [1, 'one'],
      [2, 'two'],
      [3, 'three'],
    ]);
    await redis.redis.flushall();
    const four = await send(cyd, id, 'four');
    expect(placeOf(four)).toBe(4);
    expect(placeOf(await send(dan, id, 'five'))).toBe(5);
    expect(await read(dan, 2)).toEqual([
      [4, 'four'],
      [5, 'five'],
    ]);
    const { epoch } = four.data.details as { epoch: string };
    const late = await open('dan', 1);
    await late.subscribe({ topic, epoch, sequence: 1 });
    expect((await read(late, 4)).map(([sequence]) => sequence)).toEqual([2, 3, 4, 5]);
    const gaps = [cyd, dan, late].flatMap((it) => it.untaken('Gap'));
    expect(gaps).toEqual([]);
  });

  test('D-28: a log in Redis gives up what was edited and deleted, on both nodes: replays have it from the table, without a gap', async () => {
    const { client: una, id, topic } = await begin('una', 'vic');
    const vic = await open('vic', 1);
    await vic.status('subscribed');
    const act = async (type: string, data: object): Promise<void> => {
      const answer = await una.ask(`X-Conversation${type}`, { conversation: id, ...data });
      expect([type, answer.type]).toEqual([type, 'Status']);
    };
    const first = await send(una, id, 'one');
    for (const content of ['a secret', 'tpyo', 'four']) await send(una, id, content);
    await act('Edit', { sequence: 3, content: 'typo' });
    await act('Delete', { sequence: 2 });
    await send(una, id, 'last');
    expect((await vic.take(7)).map(({ data }) => data.sequence)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    const { epoch } = first.data.details as { epoch: string };
    const expected = [
      { event: 'message', type: 'text', content: 'one', n: 1 },
      { event: 'message', type: 'text', deleted: true, n: 2 },
      { event: 'message', type: 'text', content: 'typo', n: 3 },
      { event: 'message', type: 'text', content: 'four', n: 4 },
      { event: 'edited', of: 3, content: 'typo' },
      { event: 'deleted', of: 2 },
      { event: 'message', type: 'text', content: 'last', n: 5 },
    ];
    for (const node of [0, 1]) {
      const late = await open('vic', node);
      const { recovery } = await late.subscribe({ topic, epoch, sequence: 0 });
      expect(recovery[topic]).toEqual({ recovered: true, missed: 7 });
      const replay = (await late.take(7)).map(({ data }) => data);
      expect(replay.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect(replay.map(({ payload }) => payload)).toMatchObject(expected);
      const { messages } = (await late.ask('History', { topic, limit: 10 })).data.details as { messages: unknown[] };
      expect(JSON.stringify([messages, replay])).not.toMatch(/secret|tpyo/);
      expect(late.untaken('Gap')).toEqual([]);
    }
    // Nothing of it is left in Redis, in whatever key.
    const streams = (await redis.redis.keys('*stream*')).filter((key) => key.includes(id));
    expect(streams.length).toBeGreaterThan(0);
    for (const key of streams)
      expect(JSON.stringify(await redis.redis.xrange(key, '-', '+'))).not.toMatch(/secret|tpyo/);
  });
});
