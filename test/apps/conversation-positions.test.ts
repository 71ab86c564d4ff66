/** Positions, lists and who types by frames, on two nodes with one PostgreSQL and one Redis. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { recountVerb } from '../../src/apps/conversations/positions/verbs.ts';
import { openAppNodes } from '../harness/app-nodes.ts';
import { connect, type Connection } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { POSTGRESQL, type PostgresqlServer } from '../harness/postgresql-server.ts';
import type { TestServer } from '../harness/server.ts';
import { named } from '../harness/symptoms.ts';
import { tokenOf } from '../harness/tokens.ts';

interface Shown {
  readonly conversation: { readonly id: string };
}

/** The details of a good answer. */
async function ask<Answer>(client: Connection, type: string, data?: object): Promise<Answer> {
  const reply = await client.ask(type, data);
  if (reply.type !== 'Status') throw new Error(JSON.stringify(reply.data));
  return reply.data.details as Answer;
}

/** What the next message of the topic says. */
async function heard(client: Connection, topic: string): Promise<unknown> {
  const of = (frame: { readonly type: string; readonly data: { readonly topic?: unknown } }): boolean =>
    frame.type === 'Broadcast' && frame.data.topic === topic;
  return (await client.waitFor(of, `a message of ${topic}`)).data.payload;
}

async function subscribedTo(client: Connection): Promise<readonly string[]> {
  return ((await client.status('subscribed')) as { readonly topics: readonly string[] }).topics;
}

describe.skipIf(POSTGRESQL === null)('D-39: positions over two nodes', () => {
  let nodes: readonly [TestServer, TestServer];
  let stop: () => Promise<void>;
  let postgresql: PostgresqlServer;
  let database: string;

  beforeAll(async () => {
    ({ nodes, stop, postgresql, url: database } = await openAppNodes(app, { 'apps.conversations.online': 'false' }));
  }, 60_000);
  afterAll(() => stop());

  const open = (user: string, node = 0): Promise<Connection> => connect(nodes[node]?.port ?? 0, { user });
  const group = async (owner: Connection, members: readonly string[]): Promise<string> =>
    (await ask<Shown>(owner, 'X-ConversationCreate', { kind: 'group', name: 'Trip', members })).conversation.id;
  const send = (client: Connection, conversation: string, content: string): Promise<{ readonly sequence: number }> =>
    ask(client, 'X-ConversationSend', { conversation, type: 'text', content });

  test('D-04: a message arrives without any subscription: of a conversation that begins, and at connect of those that there are', async () => {
    const [ada, bob] = [await open('ada'), await open('bob', 1)];
    const id = await group(ada, ['bob', 'eve']);
    const topics = [`conversation.${id}`, `conversation.${id}.live`];
    expect(await subscribedTo(ada)).toEqual(topics);
    expect(await subscribedTo(bob)).toEqual(topics);
    await send(ada, id, 'first');
    expect(await heard(bob, topics[0] ?? '')).toMatchObject({ event: 'message', n: 1, content: 'first' });
    // Another device, and a member who comes later.
    const device = await open('bob');
    expect([...(await subscribedTo(device))].toSorted()).toEqual(topics.toSorted());
    const late = await open('late', 1);
    await ask(ada, 'X-ConversationAddMembers', { conversation: id, users: ['late'] });
    expect(await subscribedTo(late)).toEqual(topics);
    await send(bob, id, 'second');
    for (const client of [device, late]) {
      const of = (payload: unknown): boolean => (payload as { readonly n?: number }).n === 2;
      const frame = await client.waitFor(
        ({ type, data }) => type === 'Broadcast' && of(data.payload),
        'the second one',
      );
      expect(frame.data.payload).toMatchObject({ content: 'second' });
    }
  });

  test('A-11, D-13: who types is shown to the others in one shape until it stops or the time is over, and is stored nowhere', async () => {
    const [ada, bob] = [await open('typist'), await open('reader', 1)];
    const id = await group(ada, ['reader', 'third']);
    const live = `conversation.${id}.live`;
    await subscribedTo(bob);
    const before = Date.now();
    const started = await ask<{ until: number }>(ada, 'X-ConversationTyping', { conversation: id, isTyping: true });
    expect(await heard(bob, live)).toEqual({ event: 'typing', user: 'typist', isTyping: true, until: started.until });
    expect(started.until).toBeGreaterThanOrEqual(before + 6_000);
    expect(started.until).toBeLessThanOrEqual(Date.now() + 6_000);
    await ask(ada, 'X-ConversationTyping', { conversation: id, isTyping: false });
    expect(await heard(bob, live)).toEqual({ event: 'typing', user: 'typist', isTyping: false });
    expect((await bob.ask('History', { topic: live, limit: 10 })).data.reason).toBe('no_history');
    // Nobody publishes there but the server.
    const forged = await bob.publish(live, { event: 'typing', user: 'typist', isTyping: true, until: 9e15 });
    expect(forged.data.reason).toBe('not_allowed');
    const wrong = [
      { conversation: id },
      { conversation: id, isTyping: 'yes' },
      { conversation: 'a\0b', isTyping: true },
    ];
    for (const data of wrong) expect((await ada.ask('X-ConversationTyping', data)).data.reason).toBe('invalid_field');
  });

  test('A-12, D-15: what one device reads is read on all nodes; the others are told once, and the list of every node agrees', async () => {
    const [ada, bob, device] = [await open('writer'), await open('follower', 1), await open('follower')];
    const id = await group(ada, ['follower', 'third']);
    const live = `conversation.${id}.live`;
    for (const content of ['one', 'two', 'three']) await send(ada, id, content);
    const place = { conversation: id, to: 2 };
    const [first, second] = await Promise.all([bob, device].map((client) => ask(client, 'X-ConversationRead', place)));
    expect([first, second]).toEqual(
      expect.arrayContaining([
        { conversation: id, readTo: expect.any(Number), unread: expect.any(Number), hasMoved: true },
        { conversation: id, readTo: expect.any(Number), unread: expect.any(Number), hasMoved: false },
      ]),
    );
    await ask(bob, 'X-ConversationDelivered', { conversation: id });
    expect(await heard(ada, live)).toMatchObject({ event: 'read', user: 'follower' });
    // Nothing between: the repetition was told to nobody.
    expect(await heard(ada, live)).toMatchObject({ event: 'delivered', user: 'follower' });
    for (const client of [bob, device]) {
      const [listed] = (
        await ask<{ conversations: { id: string; unread: number }[] }>(client, 'X-ConversationList', {})
      ).conversations;
      expect(listed).toMatchObject({ id, lastMessage: { preview: 'three', from: 'writer' }, members: 3 });
      const { unread } = first as { unread: number };
      expect([listed?.unread, await ask(client, 'X-ConversationUnread')]).toEqual([
        unread,
        { unread, conversations: 1 },
      ]);
    }
    expect(await ask(ada, 'X-ConversationPositions', { conversation: id })).toMatchObject({
      positions: [{ user: 'follower' }, { user: 'third', readTo: 0 }, { user: 'writer' }],
    });
  });

  test('the verb recount asks a running server for every part, prints the sums and answers whether anything differed', async () => {
    const token = await tokenOf('backend', { roles: ['service'] });
    const lines: string[] = [];
    const shell = {
      settings: {} as never,
      words: [],
      input: () => Promise.resolve(''),
      print: (line: string) => void lines.push(line),
      request: async (method: string, path: string, body?: unknown) => {
        const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
        const answer = await fetch(`${nodes[0].url}${path}`, { method, headers, body: JSON.stringify(body) });
        return { status: answer.status, body: await answer.json() };
      },
    };
    expect(await recountVerb.run(shell)).toBe(0);
    expect(lines.at(-1)).toBe('corrections: 0');
    expect(lines[0]).toMatch(/^conversations: [1-9]/);
  });

  test('a count that was made wrong by hand is found, and mended, by the verb', async () => {
    const [ada] = [await open('counting')];
    const id = await group(ada, ['counted', 'counted-too']);
    await send(ada, id, 'first');
    await send(ada, id, 'second');
    await postgresql.query(
      `update conversations.conversations set messages = 1 where id = '${id}'`,
      new URL(database).pathname.slice(1),
    );
    // With a variable of its section the verb knows the application.
    const environment = { SIGNALBOX_APPS_CONVERSATIONS_ONLINE: 'false', DATABASE_URL: database };
    const { line } = await named('unread-drift', { values: { URL: nodes[0].url }, environment });
    expect(line).toBe('corrections: 1');
  });

  test('a client that loses its place in a conversation hears nothing of it, live or stored', async () => {
    const [ada, bob] = [await open('boss'), await open('leaver', 1)];
    const id = await group(ada, ['leaver', 'third']);
    await subscribedTo(bob);
    await ask(ada, 'X-ConversationRemoveMember', { conversation: id, user: 'leaver' });
    await eventually(
      () => Promise.resolve(bob.untaken('Status').some(({ data }) => data.status === 'unsubscribed')),
      'the end of the subscriptions',
    );
    expect((await bob.ask('X-ConversationRead', { conversation: id })).data.reason).toBe('not_found');
    expect((await bob.ask('X-ConversationTyping', { conversation: id, isTyping: true })).data.reason).toBe('not_found');
  });
});
