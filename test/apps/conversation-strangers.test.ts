/** What does not exist and what is another's get the same answer: on every route, every frame and every event of the application. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { CHAT_EVENTS } from '../../src/apps/conversations/chat/events.ts';
import { MARKETPLACE_EVENTS } from '../../src/apps/conversations/marketplace/events.ts';
import { memberFrames } from '../../src/apps/conversations/members/frames.ts';
import { messageFrames } from '../../src/apps/conversations/messages/frames.ts';
import { positionFrames } from '../../src/apps/conversations/positions/frames.ts';
import { connect } from '../harness/client.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';
import { openServer, type TestServer } from '../harness/server.ts';
import { socketIo } from '../harness/socket-io.ts';
import { tokenOf } from '../harness/tokens.ts';

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
};

test('A-10: every frame that names a conversation answers a stranger as if there were none', async () => {
  const host = { frame: (definition: unknown) => definition } as never;
  const all = {
    ...memberFrames(host, {} as never),
    ...messageFrames(host, {} as never),
    ...positionFrames(host, {} as never),
  };
  expect(Object.keys(FRAMES).toSorted()).toEqual(Object.keys(all).toSorted());
  const eve = await connect(server.port, { user: 'eve' });
  for (const [type, data] of Object.entries(FRAMES)) {
    if (data === null) continue;
    const answers = [];
    for (const id of [there, NONE])
      answers.push(without((await eve.ask(type, { conversation: id, ...data })).data, id));
    expect(answers[0], type).toEqual(answers[1]);
    expect([type, answers[0]]).toMatchObject([type, { code: 404, reason: 'not_found' }]);
  }
  for (const topic of ['', '.live']) {
    const answers = [];
    for (const id of [there, NONE]) {
      const name = `conversation.${id}${topic}`;
      const { rejected } = await eve.subscribe(name);
      answers.push(without([rejected, (await eve.publish(name, { type: 'text', content: 'x' })).data], id));
    }
    expect(answers[0], topic).toEqual(answers[1]);
  }
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
