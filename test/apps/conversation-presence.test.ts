/** Members hear of one another who is online: on two nodes, as raw clients and as those of both guides. */
import { readFile } from 'node:fs/promises';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { openAppNodes } from '../harness/app-nodes.ts';
import { connect, type Connection } from '../harness/client.ts';
import { POSTGRESQL } from '../harness/postgresql-server.ts';
import type { TestServer } from '../harness/server.ts';
import { socketIo, type SocketIoClient } from '../harness/socket-io.ts';
import { tokenOf } from '../harness/tokens.ts';

interface Shown {
  readonly conversation: { readonly id: string };
}

describe.skipIf(POSTGRESQL === null)('D-39: who is online, on two nodes', () => {
  let nodes: readonly [TestServer, TestServer];
  let stop: () => Promise<void>;
  let url: string;
  beforeAll(async () => {
    ({ nodes, stop, url } = await openAppNodes(app, {
      'presence.grace_secs': '1',
      'presence.batch_ms': '10',
      'socketio.enabled': 'true',
    }));
  }, 60_000);
  afterAll(() => stop());

  const portOf = (node: number): number => nodes[node]?.port ?? 0;
  const open = (user: string, node = 0): Promise<Connection> => connect(portOf(node), { user });
  const guest = async (user: string, namespace: string, node: number): Promise<SocketIoClient> => {
    const client = socketIo(
      portOf(node),
      { auth: { token: await tokenOf(user) }, transports: ['websocket'] },
      namespace,
    );
    await client.next('connect');
    return client;
  };
  const group = async (owner: Connection, members: readonly string[]): Promise<string> => {
    const reply = await owner.ask('X-ConversationCreate', { kind: 'group', name: 'Trip', members });
    return (reply.data.details as Shown).conversation.id;
  };
  const online = async (client: Connection, conversation: string): Promise<unknown> => {
    const { data } = await client.ask('X-ConversationOnline', { conversation });
    return (data.details as { readonly users?: readonly string[] } | undefined)?.users ?? data.reason;
  };
  const news = (client: Connection): string[] =>
    client.frames.flatMap(({ type, data }) => {
      const { event, user } = (data.payload ?? {}) as { readonly event?: string; readonly user?: string };
      return type === 'Broadcast' && event?.startsWith('user_') === true ? [`${event} ${user}`] : [];
    });
  const told = (client: Connection, what: string): Promise<unknown> =>
    client.waitFor(({ data }) => {
      const { event, user } = (data.payload ?? {}) as { readonly event?: string; readonly user?: string };
      return `${event} ${user}` === what;
    }, `the news that ${what}`);

  test('D-14: the first device is user_online, the last one user_offline after the grace, and one that is back in time is neither', async () => {
    const bob = await open('bob', 1);
    const id = await group(bob, ['ada', 'cy']);
    const eve = await open('eve');
    await group(eve, ['fay', 'gus']);
    const phone = await open('ada');
    await told(bob, 'user_online ada');
    const laptop = await open('ada', 1);
    expect(await online(bob, id)).toEqual(['ada', 'bob']);
    await phone.close();
    await laptop.close();
    // Back within the grace, on the other node.
    const again = await open('ada');
    expect(await online(again, id)).toEqual(['ada', 'bob']);
    const cy = await open('cy');
    await told(bob, 'user_online cy');
    await again.close();
    await told(bob, 'user_offline ada');
    await told(cy, 'user_offline ada');
    expect(await online(bob, id)).toEqual(['bob', 'cy']);
    expect(news(bob).filter((line) => line.endsWith('ada'))).toEqual(['user_online ada', 'user_offline ada']);
    // Strangers hear nothing, and what they ask for does not exist.
    expect(await online(eve, id)).toBe('not_found');
    expect(news(eve).filter((line) => !line.endsWith('eve'))).toEqual([]);
    for (const asked of ['@presence.@app.conversations.online.1', '@app.conversations.online.1'])
      expect((await eve.ask('Subscribe', { topics: [asked] })).data).toMatchObject({
        details: { rejected: [{ topic: asked }] },
      });
    for (const [type, data] of [
      ['PresenceGet', { topic: '@app.conversations.online.1' }],
      ['Presence', { topic: '@app.conversations.online.1', action: 'enter' }],
    ] as const)
      expect((await eve.ask(type, data)).type).toBe('Error');
  });

  test('D-14: clients of both guides hear it in their own words, and nobody hears of itself', async () => {
    const host = await open('hal', 1);
    const conversationId = await group(host, ['ida', 'jan', 'kim']);
    const [chat, market] = [await guest('ida', '/messaging', 0), await guest('jan', '/', 0)];
    // Both follow the conversation when they hear of a message.
    await host.ask('X-ConversationSend', { conversation: conversationId, content: 'Hello' });
    await Promise.all([chat.next('new_message'), market.next('message:new')]);
    const kim = await guest('kim', '/messaging', 1);
    // Of the others they hear as well when those come behind them.
    const hears = async (): Promise<object> => {
      const [data] = await chat.next('user_online');
      return (data as { userId: string }).userId === 'kim' ? (data as object) : hears();
    };
    expect(await hears()).toMatchObject({ conversationId });
    for (;;) if (((await market.next('user:online'))[0] as { userId: string }).userId === 'kim') break;
    kim.socket.disconnect();
    expect((await chat.next('user_offline'))[0]).toEqual({ conversationId, userId: 'kim' });
    expect((await market.next('user:offline'))[0]).toEqual({ conversationId, userId: 'kim' });
    expect(chat.heard.filter(([, data]) => (data as { userId?: string })?.userId === 'ida')).toEqual([
      ['connection_success', expect.anything()],
    ]);
  });

  test('D-13: clients of both guides are told what the one that types is called, by its account, in one shape', async () => {
    // The tables of the application of accounts, which is started by nobody here.
    const database = new Client(url);
    await database.connect();
    const tables = new URL('../../src/apps/accounts/migrations/0001-accounts.sql', import.meta.url);
    await database.query(`create schema accounts; set search_path to accounts; ${await readFile(tables, 'utf8')}`);
    await database.query(
      "insert into accounts.users (id, tenant, email, display_name, roles, created_at, changed_at) values ('lea', '', 'l@x.org', 'Lea Ω', '{user}', now(), now())",
    );
    await database.end();
    const lea = await open('lea');
    const conversationId = await group(lea, ['mia', 'nia']);
    const [chat, market] = [await guest('mia', '/messaging', 1), await guest('nia', '/', 1)];
    // Both follow the conversation when they hear of a message.
    await lea.ask('X-ConversationSend', { conversation: conversationId, content: 'Hello' });
    await Promise.all([chat.next('new_message'), market.next('message:new')]);
    for (const [isTyping, name] of [
      [true, 'typing'],
      [false, 'stop_typing'],
    ] as const) {
      await lea.ask('X-ConversationTyping', { conversation: conversationId, isTyping });
      const shape = { conversationId, userId: 'lea', userName: 'Lea Ω', isTyping };
      expect((await chat.next(name))[0]).toEqual(shape);
      expect((await market.next('user:typing'))[0]).toEqual(shape);
    }
  });
});
