/** Conversations and their members by frames, on two nodes with one PostgreSQL and one Redis. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { openAppNodes } from '../harness/app-nodes.ts';
import { connect, type Connection } from '../harness/client.ts';
import { Backend } from '../harness/backend.ts';
import { startProcess } from '../harness/process.ts';
import type { Frame, Position } from '../harness/frames.ts';
import { POSTGRESQL, type PostgresqlServer } from '../harness/postgresql-server.ts';
import type { TestServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';
import { isMissing, tryTool } from '../harness/tools.ts';

interface Shown {
  readonly conversation: { readonly id: string };
  readonly isNew: boolean;
}

interface Page {
  readonly complete: boolean;
  readonly position: Position;
  readonly messages: readonly Frame[];
}

const text = (content: string): object => ({ type: 'text', content });

async function unsubscribed(client: Connection): Promise<unknown> {
  for (;;) {
    const { data } = await client.next('Status');
    if (data.status === 'unsubscribed') return data.details;
  }
}

/** The details of a good answer. */
async function ask<Answer>(client: Connection, type: string, data: object): Promise<Answer> {
  const reply = await client.ask(type, data);
  if (reply.type !== 'Status') throw new Error(JSON.stringify(reply.data));
  return reply.data.details as Answer;
}

describe.skipIf(POSTGRESQL === null)('D-39: two nodes with conversations', () => {
  let postgresql: PostgresqlServer;
  let url: string;
  let nodes: readonly [TestServer, TestServer];

  let stop: () => Promise<void>;

  beforeAll(async () => {
    ({ postgresql, url, nodes, stop } = await openAppNodes(app, { 'apps.conversations.online': 'false' }));
  }, 60_000);
  afterAll(() => stop());

  const open = (user: string, node = 0, roles = ['user']): Promise<Connection> =>
    connect(nodes[node]?.port ?? 0, { user, roles });
  const group = async (owner: Connection, members: readonly string[]): Promise<string> => {
    const made = await ask<Shown>(owner, 'X-ConversationCreate', { kind: 'group', name: 'Trip', members });
    return made.conversation.id;
  };

  test('A-13: two nodes that make the conversation of a pair at the same time make one, and the other one is told once', async () => {
    const [ada, bob] = [await open('ada'), await open('bob', 1)];
    await bob.subscribe('@me');
    const made = await Promise.all([
      ask<Shown>(ada, 'X-ConversationCreate', { kind: 'private', with: 'zed' }),
      ask<Shown>(await open('zed', 1), 'X-ConversationCreate', { kind: 'private', with: 'ada' }),
      ask<Shown>(ada, 'X-ConversationCreate', { kind: 'private', with: 'bob', metadata: { bookingId: 'b-1' } }),
    ]);
    expect(made[0].conversation.id).toBe(made[1].conversation.id);
    expect(made.filter(({ isNew }) => isNew)).toHaveLength(2);
    const told = await bob.next('DirectMessage');
    expect(told.data.payload).toEqual({
      event: 'conversation',
      conversation: made[2].conversation.id,
      kind: 'private',
    });
    expect(await ask(bob, 'X-ConversationGet', { conversation: made[2].conversation.id })).toMatchObject({
      conversation: { kind: 'private', metadata: { bookingId: 'b-1' }, createdBy: 'ada' },
      members: [{ user: 'ada' }, { user: 'bob' }],
      next: null,
    });
  });

  test('D-19: a member who is removed hears of it, loses both topics on all nodes at once, and hears nothing later', async () => {
    const ada = await open('ada');
    const id = await group(ada, ['bob', 'eve']);
    const topics = [`conversation.${id}`, `conversation.${id}.live`];
    const theirs = [await open('bob', 0), await open('bob', 1)];
    const eve = await open('eve', 1);
    for (const client of [ada, eve, ...theirs])
      expect((await client.subscribe(...topics)).topics.toSorted()).toEqual(topics);
    await theirs[0]?.subscribe('@me');
    await ask(ada, 'X-ConversationRemoveMember', { conversation: id, user: 'bob' });
    for (const client of theirs) {
      const lost = [await unsubscribed(client), await unsubscribed(client)] as { topics: string[] }[];
      expect(lost.flatMap((it) => it.topics).toSorted()).toEqual(topics);
    }
    await ada.publish(`conversation.${id}`, text('bob is gone'));
    expect((await eve.take(2)).map(({ data }) => data.payload)).toMatchObject([
      { event: 'members', changes: [{ user: 'bob', role: 'member', status: 'removed' }] },
      text('bob is gone'),
    ]);
    expect((await theirs[0]?.next('DirectMessage'))?.data.payload).toEqual({ event: 'removed', conversation: id });
    const [bob] = theirs as [Connection];
    for (const client of theirs)
      expect(client.frames.filter(({ type, data }) => type === 'Broadcast' && data.sequence > 1)).toEqual([]);
    expect((await bob.subscribe(...topics)).rejected).toMatchObject([{ reason: 'not_found' }, { reason: 'not_found' }]);
    expect((await bob.publish(`conversation.${id}`, text('hello?'))).data.reason).toBe('not_found');
    expect((await bob.ask('History', { topic: `conversation.${id}`, limit: 10 })).data.reason).toBe('not_found');
  });

  test('D-19: a member who came in and was removed a moment ago follows nothing of it when a client connects', async () => {
    const ada = await open('ada');
    const id = await group(ada, ['bob', 'eve']);
    await ask(ada, 'X-ConversationAddMembers', { conversation: id, users: ['ron'] });
    await ask(ada, 'X-ConversationRemoveMember', { conversation: id, user: 'ron' });
    const ron = await open('ron');
    await ada.publish(`conversation.${id}`, text('without ron'));
    // Another conversation comes behind what was wrong before.
    const next = await group(ada, ['bob', 'ron']);
    const followed = await ron.waitFor(
      ({ data }) => data.status === 'subscribed' && JSON.stringify(data).includes(next),
      'the next conversation to be followed',
    );
    expect(JSON.stringify(followed.data)).not.toContain(id);
    expect(JSON.stringify(ron.frames)).not.toContain(id);
  });

  test('D-20: what was said before a member came is not read by any way, where the rule says so', async () => {
    const ada = await open('ada');
    const id = await group(ada, ['bob', 'eve']);
    const topic = `conversation.${id}`;
    await ada.publishAll(topic, [text('1'), text('2'), text('3')]);
    await ask(ada, 'X-ConversationAddMembers', { conversation: id, users: ['kim'] });
    await ada.publish(topic, text('5'));
    const numbersOf = (frames: readonly Pick<Frame, 'data'>[]): number[] => frames.map(({ data }) => data.sequence);
    for (const node of [0, 1]) {
      const kim = await open('kim', node);
      const { recovery } = await kim.subscribe({ topic, from: 'earliest' });
      expect(recovery[topic]).toEqual({ recovered: true, missed: 2 });
      expect(numbersOf(await kim.take(2))).toEqual([4, 5]);
      const { epoch } = ((await kim.ask('History', { topic, limit: 1 })).data.details as Page).position;
      await kim.subscribe({ topic, epoch, sequence: 1 });
      expect(numbersOf(await kim.take(2))).toEqual([4, 5]);
      for (const asked of [{}, { since: { epoch, sequence: 0 } }, { reverse: true }]) {
        const page = (await kim.ask('History', { topic, limit: 10, ...asked })).data.details as Page;
        expect([page.complete, numbersOf(page.messages).toSorted((a, b) => a - b)]).toEqual([true, [4, 5]]);
      }
      expect(await kim.missed({ since: { [topic]: { epoch, sequence: 2 } } })).toMatchObject({
        count: 2,
        complete: true,
      });
      expect(numbersOf(await kim.take(2))).toEqual([4, 5]);
      const response = await nodes[node]?.get(`/api/topics/${topic}/history?limit=10`, {
        authorization: `Bearer ${await tokenOf('kim', { roles: ['user', 'service'] })}`,
      });
      expect(numbersOf(((await response?.json()) as Page | undefined)?.messages ?? [])).toEqual([4, 5]);
    }
    // Others read all of it.
    const eve = await open('eve');
    await eve.subscribe({ topic, from: 'earliest' });
    expect(numbersOf(await eve.take(5))).toEqual([1, 2, 3, 4, 5]);
  });

  test('D-21: two spaces never show each other their messages', async () => {
    const shop = await open('shop', 0, ['service']);
    const names = ['sea', 'hills'];
    const ids: string[] = [];
    for (const space of names) {
      const { conversation } = await ask<Shown>(shop, 'X-ConversationCreate', {
        kind: 'space',
        space,
        members: ['ada', 'bob', `only-${space}`],
      });
      ids.push(conversation.id);
    }
    const [ada, bob] = [await open('ada', 0), await open('bob', 1)];
    const feeds = await Promise.all(ids.map((_, at) => open(`only-${names[at]}`, at)));
    for (const [at, feed] of feeds.entries()) await feed.subscribe(`conversation.${ids[at]}`);
    const said = Array.from({ length: 60 }, (_, at) => ({ at, space: (at * 7) % 3 === 0 ? 0 : 1 }));
    await Promise.all(
      said.map(({ at, space }) =>
        (at % 2 === 0 ? ada : bob).publish(`conversation.${ids[space]}`, text(`${names[space]} ${at}`)),
      ),
    );
    for (const [space, feed] of feeds.entries()) {
      const count = said.filter((it) => it.space === space).length;
      const heard = (await feed.take(count)).map(
        ({ data }) => (data.payload as { content: string }).content.split(' ')[0],
      );
      expect(new Set(heard)).toEqual(new Set([names[space]]));
      expect((await feed.subscribe(`conversation.${ids[1 - space]}`)).rejected).toMatchObject([
        { reason: 'not_found' },
      ]);
    }
  });

  test('D-22: a member who may no longer send is told so on the topic, on the other node too', async () => {
    const ada = await open('ada');
    const id = await group(ada, ['bob', 'eve']);
    const topic = `conversation.${id}`;
    const bob = await open('bob', 1);
    expect((await bob.publish(topic, text('one'))).type).toBe('Ack');
    await ask(ada, 'X-ConversationSetMember', { conversation: id, user: 'bob', canSend: false });
    expect((await bob.publish(topic, text('two'))).data.reason).toBe('not_allowed');
    await ask(ada, 'X-ConversationSetMember', { conversation: id, user: 'bob', canSend: null });
    expect((await bob.publish(topic, text('two'))).type).toBe('Ack');
    await ask(ada, 'X-ConversationSetMember', { conversation: id, user: 'bob', role: 'reader' });
    expect((await bob.publish(topic, text('three'))).data.reason).toBe('not_allowed');
    expect((await bob.publish(`${topic}.live`, { event: 'typing' })).data.reason).toBe('not_allowed');
  });

  test('the answers of the frames, and a name that is too long', async () => {
    const ada = await open('ada');
    const id = await group(ada, ['bob', 'eve']);
    const bob = await open('bob', 1);
    expect(await ask(ada, 'X-ConversationAddMembers', { conversation: id, users: ['kim'], invite: true })).toEqual({
      added: ['kim'],
    });
    const kim = await open('kim');
    expect(await ask(kim, 'X-ConversationSetMember', { conversation: id, accept: true })).toMatchObject({
      status: 'active',
    });
    expect(await ask(bob, 'X-ConversationSetMember', { conversation: id, notifications: false })).toMatchObject({
      notifications: false,
    });
    expect(await ask(bob, 'X-ConversationArchive', { conversation: id })).toEqual({});
    expect(await ask(bob, 'X-ConversationLeave', { conversation: id })).toEqual({});
    expect(await ask(ada, 'X-ConversationUpdate', { conversation: id, name: 'Sea' })).toMatchObject({
      conversation: { name: 'Sea' },
    });
    expect((await ada.ask('X-ConversationUpdate', { conversation: id, name: 'x'.repeat(101) })).data).toMatchObject({
      code: 400,
      reason: 'invalid_field',
    });
    const pair = await ask<Shown>(ada, 'X-ConversationCreate', { kind: 'private', with: 'bob' });
    expect((await ada.ask('X-ConversationLeave', { conversation: pair.conversation.id })).data).toMatchObject({
      code: 409,
      reason: 'wrong_state',
    });
  });

  test('D-19: a node that is killed between its commit and its word leaves nobody subscribed who was removed', async () => {
    const ada = await open('ada');
    const id = await group(ada, ['bob', 'eve']);
    const topics = [`conversation.${id}`, `conversation.${id}.live`];
    const bob = await open('bob', 1);
    await bob.subscribe(...topics);
    // This is all that a node has done that ends here.
    const changed = await postgresql.query(
      `with talk as (
        update conversations.conversations set head = head + 1, changed_at = now() where id = '${id}' returning tenant, id, head
      ), removed as (
        update conversations.members set status = 'removed', history_to = talk.head from talk
        where members.conversation = talk.id and user_id = 'bob'
      )
      insert into conversations.events (tenant, conversation, sequence, sender, payload, sent_at)
      select tenant, id, head, 'ada', '{"event":"members","changes":[{"user":"bob","role":"member","status":"removed"}]}', now() from talk
      returning sequence`,
      new URL(url).pathname.slice(1),
    );
    expect(changed).toHaveLength(1);
    const lost = [await unsubscribed(bob), await unsubscribed(bob)] as { topics: string[] }[];
    expect(lost.flatMap((it) => it.topics).toSorted()).toEqual(topics);
  });

  test('A-41, A-43, A-44: what administrators ask over HTTP is written down with who and from where, also a refusal', async () => {
    const [ada, bob] = [await open('ada'), await open('bob', 1)];
    const id = await group(ada, ['bob', 'eve']);
    const [root, curious] = [
      await Backend.on(nodes[0], { user: 'root' }),
      await Backend.on(nodes[1], { user: 'curious', roles: ['user'] }),
    ];
    const base = `/apps/conversations/conversations/${id}`;
    await bob.subscribe(`conversation.${id}`);
    const posted = await root.call('POST', `${base}/system-messages`, { content: 'Refunded', status: 'resolved' });
    expect([posted.status, posted.body]).toEqual([201, { message: `${id}.1`, sequence: 1 }]);
    expect((await bob.take(2)).map(({ data }) => data.payload)).toEqual([
      { event: 'message', type: 'system', content: 'Refunded', n: 1 },
      { event: 'changed', status: 'resolved' },
    ]);
    const statusOf = async ({ server, headers }: Backend, path: string): Promise<number> =>
      (await server.get(base + path, { ...headers })).status;
    for (const path of ['', '/events', '/export'])
      expect([await statusOf(root, path), await statusOf(curious, path)]).toEqual([200, 403]);
    expect((await curious.call('POST', `${base}/system-messages`, { content: 'x' })).status).toBe(404);
    const { body } = await root.call<{ audit: Record<string, unknown>[] }>('GET', '/apps/conversations/audit?limit=8');
    const rows = body.audit.filter(({ conversation }) => conversation === id);
    expect(rows.map(({ actor, action, isAllowed }) => [actor, action, isAllowed])).toEqual([
      ['curious', 'export', false],
      ['root', 'export', true],
      ['curious', 'view_messages', false],
      ['root', 'view_messages', true],
      ['curious', 'view', false],
      ['root', 'view', true],
      ['root', 'system_message resolved', true],
    ]);
    expect(rows.map(({ address }) => address)).toEqual(rows.map(() => '127.0.0.1'));
    expect((await root.call('DELETE', '/apps/conversations/users/eve')).body).toMatchObject({
      conversations: expect.any(Number),
    });
    expect((await bob.take(1)).map(({ data }) => data.payload)).toMatchObject([
      { event: 'members', changes: [{ user: 'eve', status: 'removed' }] },
    ]);
  });

  test('A-39: what was called, with what outcome and how long it took, and what was stored, is in the metrics to the unit', async () => {
    const read = async (): Promise<{ readonly text: string; readonly of: (name: string) => number }> => {
      const text = await (await fetch(`http://127.0.0.1:${nodes[0].port}/metrics`)).text();
      const values = new Map(
        text.split('\n').flatMap((line) => {
          const [, name, value] = /^(signalbox_\S+) (\S+)$/.exec(line) ?? [];
          return name === undefined ? [] : [[name, Number(value)] as const];
        }),
      );
      return { text, of: (name) => values.get(`signalbox_${name}`) ?? 0 };
    };
    const post = async (path: string, body: object): Promise<number> => {
      const authorization = `Bearer ${await tokenOf('meter')}`;
      const init = { method: 'POST', headers: { authorization }, body: JSON.stringify(body) };
      return (await fetch(`http://127.0.0.1:${nodes[0].port}${path}`, init)).status;
    };
    const before = await read();
    const meter = await open('meter');
    const id = await group(meter, ['max', 'moe']);
    const path = `/conversations/${id}/messages`;
    expect([await post(path, { content: '1', optimisticId: 'o' }), await post(path, { content: '2' })]).toEqual([
      201, 201,
    ]);
    // A repetition, a bad one and a stranger's.
    expect([await post(path, { content: '1', optimisticId: 'o' }), await post(path, { content: '' })]).toEqual([
      200, 400,
    ]);
    await meter.ask('X-ConversationSend', { conversation: id, content: '3' });
    const after = await read();
    const route = 'route="/conversations/:id/messages"';
    const grown = (name: string): number => after.of(name) - before.of(name);
    expect({
      good: grown(`http_requests_total{${route},status="2xx"}`),
      bad: grown(`http_requests_total{${route},status="4xx"}`),
      messages: grown('conversations_messages_total{type="text"}'),
      conversations: grown('conversations_conversations_total{kind="group"}'),
    }).toEqual({ good: 3, bad: 1, messages: 3, conversations: 1 });
    const mean = grown(`http_request_seconds_total{${route},status="2xx"}`) / 3;
    expect([mean > 0, mean < 60]).toEqual([true, true]);
    expect(after.text).toMatch(/^signalbox_connections\{/m);
    if (isMissing('promtool')) return;
    const { text } = tryTool('promtool', ['check', 'metrics'], after.text);
    expect(text.split('\n').filter((line) => line.startsWith('signalbox_'))).toEqual([]);
  });

  test("A-38: the guide's own searches find one line for each client, each room and each message", async () => {
    const server = await startProcess(['--set', `database.url=${url}`], {
      LOG_LEVEL: 'info,conversations=debug',
      SIGNALBOX_APPS_CONVERSATIONS_MAX_MEMBERS: '100',
    });
    const [ada, bob] = [await connect(server.port, { user: 'una' }), await connect(server.port, { user: 'ulf' })];
    const { conversation } = await ask<Shown>(ada, 'X-ConversationCreate', { kind: 'private', with: 'ulf' });
    const topic = `conversation.${conversation.id}`;
    for (const client of [ada, bob]) await client.subscribe(topic);
    await ada.publishAll(topic, [text('1'), text('2'), text('3')]);
    await Promise.all([ada.close(), bob.close()]);
    await server.end();
    const count = (words: RegExp): number => server.lines().filter((line) => words.test(JSON.stringify(line))).length;
    expect(count(/Client connected/)).toBe(2);
    expect(count(/Client disconnected/)).toBe(2);
    expect(count(/Joined conversation room/)).toBe(2);
    expect(count(/Message sent/)).toBe(3);
    expect(count(/ERROR.*messaging/)).toBe(0);
  });
});
