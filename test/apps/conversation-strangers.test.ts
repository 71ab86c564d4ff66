/** What does not exist and what is another's get the same answer: on every route, every frame and every event of the application. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { CHAT_EVENTS } from '../../src/apps/conversations/chat/events.ts';
import { MARKETPLACE_EVENTS } from '../../src/apps/conversations/marketplace/events.ts';
import { memberFrames } from '../../src/apps/conversations/members/frames.ts';
import { messageFrames } from '../../src/apps/conversations/messages/frames.ts';
import { positionFrames } from '../../src/apps/conversations/positions/frames.ts';
import { connect, type Connection } from '../harness/client.ts';
import { openStream } from '../harness/event-stream.ts';
import type { Position } from '../harness/frames.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';
import { openServer, type TestServer } from '../harness/server.ts';
import { connectSocketIo, socketIo } from '../harness/socket-io.ts';
import { tokenOf } from '../harness/tokens.ts';
import { poll } from '../harness/ways.ts';

/** As long as the one that there is, in its form. */
const NONE = '00000000-0000-4000-8000-000000000000';

let server: TestServer;
let there: string;
beforeAll(async () => {
  server = await openServer(
    {
      'database.folder': await pgliteFolder(),
      'database.migrate': 'true',
      'rate_limiting.enabled': 'false',
      'socketio.enabled': 'true',
      'apps.conversations.admin_roles': 'admin',
    },
    [app],
  );
  const { json } = await ask('ada', 'POST', '/conversations', { type: 'PRIVATE', participantIds: ['bob'] });
  there = (json as { conversation: { id: string } }).conversation.id;
  await ask('ada', 'POST', `/conversations/${there}/messages`, { content: 'hello' });
});
afterAll(() => server.stop());

interface Answer {
  readonly status: number;
  readonly json: unknown;
}

async function ask(user: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${await tokenOf(user)}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: JSON.parse(await response.text()) as unknown };
}

/** The same for both, whichever id it names, whole or shortened. */
function without(answer: unknown, id: string): unknown {
  const shortened = new RegExp(`${id.slice(0, 8)}[0-9a-f-]*…`, 'g');
  return JSON.parse(JSON.stringify(answer).replaceAll(id, 'ID').replaceAll(shortened, 'ID')) as unknown;
}

/** A good body of each route that has one; a new route has to be here. */
const BODIES: Readonly<Record<string, unknown>> = {
  'POST /conversations/{id}/messages': { content: 'x' },
  'PUT /conversations/{id}/messages/{messageId}': { content: 'x' },
  'PUT /conversations/{id}/messages/{messageId}/read': {},
  'POST /conversations/{id}/messages/{messageId}/reactions': { emoji: '👍' },
  'POST /conversations/{id}/members': { userIds: ['kim'] },
  'PUT /messaging/conversations/{id}/read': {},
  'POST /messaging/conversations/{id}/archive': {},
  'POST /messaging/conversations/{id}/messages': { messageType: 'text', content: 'x' },
  'PUT /messaging/messages/{id}/read': {},
  'POST /messaging/admin/conversations/{id}/dispute': { content: 'x' },
  'POST /apps/conversations/conversations/{id}/system-messages': { content: 'x' },
  'PUT /apps/conversations/conversations/{id}/members': { users: ['kim'] },
};

test('A-10: every route that names a conversation or a message answers a stranger as if there were none', async () => {
  const { paths } = (await ask('eve', 'GET', '/openapi.json')).json as {
    paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  };
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    /^\/(?:conversations|messaging|apps\/conversations)\/.*\{(?:id|messageId)\}/.test(path)
      ? Object.keys(methods).map((method) => [method.toUpperCase(), path] as const)
      : [],
  );
  expect(routes.length).toBeGreaterThan(20);
  for (const [method, path] of routes) {
    const name = `${method} ${path}`;
    const answers = [];
    for (const id of [there, NONE]) {
      const message = `${id}.1`;
      const own = path.startsWith('/messaging/messages') ? message : id;
      const named = path
        .replace('{id}', own)
        .replace('{messageId}', message)
        .replace('{userId}', 'bob')
        .replace('{emoji}', 'x');
      const { status, json } = await ask('eve', method, named, BODIES[name]);
      answers.push({ status, json: without(json, id) });
    }
    expect(answers[0], name).toEqual(answers[1]);
    // Routes of administrators refuse their callers for who they are, whatever they ask for.
    const isForAdmins = name.includes('/admin/') || name.startsWith('GET /apps');
    expect([name, answers[0]?.status]).toEqual([name, isForAdmins ? 403 : 404]);
  }
  // Also for what is no id at all.
  for (const id of ['a%00b', '..', '%F0%9F%92%A9', 'x'.repeat(300)])
    for (const path of [
      `/conversations/${id}/messages`,
      `/messaging/conversations/${id}`,
      `/messaging/messages/${id}/read`,
    ])
      expect((await ask('eve', path.endsWith('read') ? 'PUT' : 'GET', path)).status, path).toBe(404);
});

/** What each frame carries beside the conversation; a new frame has to be here. `null`: it names none. */
const FRAMES: Readonly<Record<string, object | null>> = {
  'X-ConversationCreate': null,
  'X-ConversationList': null,
  'X-ConversationUnread': null,
  'X-ConversationGet': {},
  'X-ConversationUpdate': { name: 'x' },
  'X-ConversationArchive': {},
  'X-ConversationAddMembers': { users: ['kim'] },
  'X-ConversationRemoveMember': { user: 'bob' },
  'X-ConversationLeave': {},
  'X-ConversationSetMember': { user: 'bob', role: 'reader' },
  'X-ConversationSend': { type: 'text', content: 'x' },
  'X-ConversationEdit': { sequence: 1, content: 'x' },
  'X-ConversationDelete': { sequence: 1 },
  'X-ConversationReact': { sequence: 1, emoji: 'x' },
  'X-ConversationMessages': {},
  'X-ConversationThread': { thread: 1 },
  'X-ConversationSearch': { text: 'hello' },
  'X-ConversationRead': {},
  'X-ConversationDelivered': {},
  'X-ConversationPositions': {},
  'X-ConversationTyping': { isTyping: true },
  'X-ConversationOnline': {},
};

/** Of the server, on the topics of a conversation. */
function onTopics(conversation: string): readonly (readonly [type: string, data: object])[] {
  const topic = `conversation.${conversation}`;
  const live = `${topic}.live`;
  const since = { epoch: 'e', sequence: 1 };
  return [
    ['Broadcast', { topic, payload: { type: 'text', content: 'hello' } }],
    ['Broadcast', { topic: live, payload: { event: 'typing', user: 'ada', isTyping: true } }],
    ['Subscribe', { topics: [topic, live] }],
    ['Subscribe', { topics: [{ topic, from: 'earliest' }] }],
    ['Subscribe', { topics: [{ topic, ...since }] }],
    ['History', { topic, limit: 10 }],
    ['History', { topic: live, limit: 10 }],
    ['GetMissedMessages', { topic, since, limit: 10 }],
    ['GetPosition', { topic }],
  ];
}

/** What a member who has gone keeps. */
const KEPT = new Set(['Get', 'Archive', 'Messages', 'Thread', 'Search'].map((name) => `X-Conversation${name}`));

async function made(client: Connection, wish: object): Promise<string> {
  const { data } = await client.ask('X-ConversationCreate', wish);
  return (data.details as { conversation: { id: string } }).conversation.id;
}

function group(client: Connection, members: readonly string[]): Promise<string> {
  return made(client, { kind: 'group', members });
}

test('A-10: every frame says the same of a conversation of others and of none: to strangers, other tenants, removed members', async () => {
  const host = { frame: (definition: unknown) => definition } as never;
  const all = {
    ...memberFrames(host, {} as never),
    ...messageFrames(host, {} as never),
    ...positionFrames(host, {} as never),
    'X-ConversationOnline': null,
  };
  expect(Object.keys(FRAMES).toSorted()).toEqual(Object.keys(all).toSorted());
  const ada = await connect(server.port, { user: 'ada' });
  const id = await group(ada, ['bob', 'max', 'zoe']);
  await ada.ask('X-ConversationSend', { conversation: id, content: 'a secret' });
  await ada.ask('X-ConversationRemoveMember', { conversation: id, user: 'max' });
  const before = JSON.stringify((await ada.ask('X-ConversationGet', { conversation: id })).data);
  const framesOn = (conversation: string): (readonly [string, object])[] => [
    ...Object.entries(FRAMES).flatMap(([type, data]) =>
      data === null ? [] : [[type, { conversation, ...data }] as const],
    ),
    ...onTopics(conversation),
  ];
  const outsiders = [{ user: 'eve' }, { user: 'ada', claims: { tenant: 'other' } }, { user: 'max' }] as const;
  for (const outsider of outsiders) {
    const client = await connect(server.port, outsider);
    const ofNone = framesOn(NONE);
    for (const [at, [type, data]] of framesOn(id).entries()) {
      if (outsider.user === 'max' && KEPT.has(type)) continue;
      const none = without((await client.ask(type, ofNone[at]?.[1])).data, NONE);
      const others = without((await client.ask(type, data)).data, id);
      expect([outsider, type, data, others]).toEqual([outsider, type, data, none]);
      if (type.startsWith('X-')) expect([type, others]).toMatchObject([type, { code: 404, reason: 'not_found' }]);
      expect(JSON.stringify(others)).not.toMatch(/secret|"owner"|"zoe"/);
    }
  }
  expect(JSON.stringify((await ada.ask('X-ConversationGet', { conversation: id })).data)).toBe(before);
});

test('A-10: every event of both namespaces answers a stranger as if there were no such conversation, and once', async () => {
  const token = await tokenOf('eve');
  for (const { namespace, events } of [MARKETPLACE_EVENTS, CHAT_EVENTS]) {
    for (const event of Object.keys(events)) {
      // To leave what one is not in is nothing to be told.
      if (/leave/.test(event)) continue;
      const eve = socketIo(server.port, { auth: { token }, transports: ['websocket'] }, namespace);
      await eve.next('connect');
      const answers = [];
      for (const id of [there, NONE]) {
        eve.socket.emit(event, {
          conversationId: id,
          messageId: `${id}.1`,
          content: 'x',
          messageType: 'text',
          emoji: 'x',
          optimisticId: 'o',
        });
        const told = await eve.nextOf(['error', 'message_error']);
        answers.push(without(told, id));
        // Nothing else comes of it.
        await eve.ask('nothing');
        expect(
          eve.heard.filter(([name]) => !['status', 'subscribed', 'connection_success'].includes(name)),
          event,
        ).toEqual([]);
      }
      expect(answers[0], event).toEqual(answers[1]);
      expect([event, answers[0]]).toMatchObject([event, [expect.any(String), { code: 'not_found' }]]);
    }
  }
});

test('two tenants with the same users and the same space have two conversations, and neither hears or finds the other', async () => {
  const [one, two] = ['one', 'two'].map((tenant) => ({ user: 'ada', roles: ['service'], claims: { tenant } }));
  const backends = [await connect(server.port, one), await connect(server.port, two)] as const;
  const ids = await Promise.all(backends.map((it) => made(it, { kind: 'space', space: 's', members: ['ada', 'bob'] })));
  const pairs = [
    await connect(server.port, { user: 'ada', claims: { tenant: 'one' } }),
    await connect(server.port, { user: 'ada', claims: { tenant: 'two' } }),
  ] as const;
  const privates = await Promise.all(pairs.map((it) => made(it, { kind: 'private', with: 'bob' })));
  expect(new Set([...ids, ...privates]).size).toBe(4);
  for (const id of [ids[0], privates[0]])
    await pairs[0].ask('X-ConversationSend', { conversation: id, clientId: 'c', content: 'a secret of one' });
  for (const id of [ids[1], privates[1]]) {
    const { data } = await pairs[1].ask('X-ConversationSend', { conversation: id, clientId: 'c', content: 'of two' });
    expect(data.details).toMatchObject({ duplicate: false, sequence: 1 });
  }
  const answers = [
    await pairs[1].ask('X-ConversationSearch', { text: 'secret' }),
    await pairs[1].ask('X-ConversationList', {}),
    await pairs[1].ask('X-ConversationUnread', {}),
  ];
  expect(JSON.stringify(answers.map(({ data }) => data))).not.toContain('of one');
  expect(JSON.stringify(pairs[1].frames)).not.toContain('of one');
});

test('a member who was removed reads on by none of the ways that lead back: positions, streams, polls and offsets of Socket.IO', async () => {
  const ada = await connect(server.port, { user: 'ada' });
  const id = await group(ada, ['bob', 'eve']);
  const topic = `conversation.${id}`;
  const bob = await connect(server.port, { user: 'bob' });
  const { positions } = await poll(server.port, 'bob', { topics: [topic], wait_ms: 0 });
  const at = positions[topic] as Position;
  const stream = await openStream(server.port, { user: 'bob', query: { topics: topic } });
  const socket = await connectSocketIo(server.port, 'bob', { transports: ['websocket'] });
  await ada.ask('X-ConversationSend', { conversation: id, content: 'for all' });
  await socket.next('message:new');
  await stream.next('Broadcast');
  const { lastId } = stream;
  await socket.cutOff();
  await bob.drop();
  stream.response.destroy();
  await stream.ended;
  await ada.ask('X-ConversationRemoveMember', { conversation: id, user: 'bob' });
  await ada.ask('X-ConversationSend', { conversation: id, content: 'a secret' });
  const again = await connect(server.port, { user: 'bob', query: { session_id: bob.connected.session_id } });
  expect((await again.subscribe({ topic, ...at })).rejected).toMatchObject([{ reason: 'not_found' }]);
  const polled = await poll(server.port, 'bob', { topics: [{ topic, ...at }], wait_ms: 0 });
  expect(JSON.stringify(polled)).not.toContain('secret');
  const streamed = await openStream(server.port, {
    user: 'bob',
    query: { topics: topic },
    headers: { 'last-event-id': lastId },
  });
  await streamed.next('Status');
  await socket.comeBack();
  const { data } = await again.ask('X-ConversationMessages', { conversation: id });
  expect((data.details as { messages: unknown[] }).messages).toHaveLength(1);
  await ada.ask('X-ConversationSend', { conversation: id, content: 'another secret' });
  const heard = [again.frames, streamed.frames, socket.heard, polled, bob.frames];
  expect(JSON.stringify(heard)).not.toContain('secret');
});
