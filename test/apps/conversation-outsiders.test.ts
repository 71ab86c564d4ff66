/** Users that are in no conversation, on every frame and every way of reading: they are told the same as of a conversation of nobody. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { connect, type Connection, type ConnectOptions } from '../harness/client.ts';
import { openStream } from '../harness/event-stream.ts';
import type { Position } from '../harness/frames.ts';
import { openServer, type TestServer } from '../harness/server.ts';
import { connectSocketIo } from '../harness/socket-io.ts';
import { poll } from '../harness/ways.ts';

type Data = Readonly<Record<string, unknown>>;

const NONE = '00000000-0000-8000-8000-000000000000';
let server: TestServer;

beforeAll(async () => {
  server = await openServer(
    { 'database.migrate': 'true', 'rate_limiting.enabled': 'false', 'socketio.enabled': 'true' },
    [app],
  );
}, 60_000);
afterAll(() => server.stop());

async function made(client: Connection, data: Data): Promise<string> {
  const { data: answer } = await client.ask('X-ConversationCreate', data);
  return (answer.details as { conversation: { id: string } }).conversation.id;
}

const frames = (conversation: string): readonly (readonly [type: string, data: Data])[] => {
  const topic = `conversation.${conversation}`;
  const live = `${topic}.live`;
  const since = { epoch: 'e', sequence: 1 };
  return [
    ['X-ConversationGet', { conversation }],
    ['X-ConversationUpdate', { conversation, name: 'mine', status: 'closed' }],
    ['X-ConversationArchive', { conversation }],
    ['X-ConversationAddMembers', { conversation, users: ['mallory'] }],
    ['X-ConversationRemoveMember', { conversation, user: 'ada' }],
    ['X-ConversationLeave', { conversation }],
    ['X-ConversationSetMember', { conversation, user: 'ada', role: 'reader' }],
    ['X-ConversationSetMember', { conversation, accept: true }],
    ['X-ConversationSend', { conversation, content: 'hello' }],
    ['X-ConversationSend', { conversation, content: 'hello', mentions: ['ada'] }],
    ['X-ConversationSend', { conversation, content: 'hello', parent: 1 }],
    ['X-ConversationSend', { conversation, type: 'image', attachments: ['a'] }],
    ['X-ConversationEdit', { conversation, sequence: 1, content: 'mine' }],
    ['X-ConversationDelete', { conversation, sequence: 1 }],
    ['X-ConversationReact', { conversation, sequence: 1, emoji: 'x' }],
    ['X-ConversationMessages', { conversation }],
    ['X-ConversationThread', { conversation, thread: 1 }],
    ['X-ConversationSearch', { conversation, text: 'secret' }],
    ['X-ConversationRead', { conversation }],
    ['X-ConversationDelivered', { conversation, to: 1 }],
    ['X-ConversationPositions', { conversation }],
    ['X-ConversationTyping', { conversation, isTyping: true }],
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
};

/** Every id is another one each time, and so is what carries it. */
function words(answer: { readonly type: string; readonly data: unknown }, conversation: string): string {
  const { type, data } = answer;
  const text = JSON.stringify({ type, data }).replaceAll(conversation, 'ID');
  return text.replaceAll(/conversation\.[0-9a-f-]+…/g, 'conversation.ID');
}

/** What a member who has gone keeps. */
const READS = new Set([
  'X-ConversationGet',
  'X-ConversationArchive',
  'X-ConversationMessages',
  'X-ConversationThread',
  'X-ConversationSearch',
]);

test('every frame says the same of a conversation of others and of none: to strangers, to other tenants, to removed members', async () => {
  const ada = await connect(server.port, { user: 'ada' });
  const id = await made(ada, { kind: 'group', members: ['bob', 'eve', 'max'] });
  await ada.ask('X-ConversationSend', { conversation: id, content: 'a secret' });
  await ada.ask('X-ConversationRemoveMember', { conversation: id, user: 'bob' });
  const before = JSON.stringify((await ada.ask('X-ConversationGet', { conversation: id })).data);
  const outsiders: readonly ConnectOptions[] = [
    { user: 'mallory' },
    { user: 'ada', claims: { tenant: 'other' } },
    { user: 'bob' },
  ];
  for (const outsider of outsiders) {
    const [ofNone, ofOthers] = [frames(NONE), frames(id)];
    for (const [at, [type, data]] of ofOthers.entries()) {
      // A removed member keeps what was readable, in pages.
      if (outsider.user === 'bob' && READS.has(type)) continue;
      const client = await connect(server.port, outsider);
      const none = words(await client.ask(type, ofNone[at]?.[1]), NONE);
      const others = words(await client.ask(type, data), id);
      expect([outsider, type, data, others]).toEqual([outsider, type, data, none]);
      expect(others).not.toMatch(/secret|"owner"|"eve"/);
      await client.close();
    }
  }
  expect(JSON.stringify((await ada.ask('X-ConversationGet', { conversation: id })).data)).toBe(before);
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
  const id = await made(ada, { kind: 'group', members: ['bob', 'eve'] });
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
