/** One node with a database in a folder and no Redis: everything works, and is there after a restart. */
import { expect, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { connect, type Connection } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';
import { openServer, startServer, type TestServer } from '../harness/server.ts';
import { socketIo, type SocketIoClient } from '../harness/socket-io.ts';
import { tokenOf } from '../harness/tokens.ts';

interface Conversation {
  readonly id: string;
}

async function socketIoOf(server: TestServer, user: string): Promise<SocketIoClient> {
  const auth = { token: await tokenOf(user) };
  const client = socketIo(server.port, { auth, transports: ['websocket'] }, '/messaging');
  await client.next('connection_success');
  return client;
}

async function rest(server: TestServer, user: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${server.url}${path}`, {
    headers: { authorization: `Bearer ${await tokenOf(user)}` },
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  });
  expect(response.status).toBeLessThan(300);
  return response.json();
}

async function said(client: Connection, topic: string): Promise<readonly [number, unknown]> {
  const { data } = await client.waitFor(
    (frame) => frame.type === 'Broadcast' && frame.data.topic === topic,
    `a message of ${topic}`,
  );
  return [data.sequence, (data.payload as { readonly content?: unknown }).content];
}

test('D-42: chats over frames, REST and Socket.IO without Redis, and a restart goes on where it was', async () => {
  const settings = {
    'database.folder': await pgliteFolder(),
    'rate_limiting.enabled': 'false',
    'socketio.enabled': 'true',
    'presence.grace_secs': '1',
  };
  const first = await openServer(settings, [app]);
  const [ada, bob] = [await connect(first.port, { user: 'ada' }), await socketIoOf(first, 'bob')];
  const made = (await rest(first, 'ada', '/conversations', { type: 'PRIVATE', participantIds: ['bob'] })) as {
    readonly conversation: Conversation;
  };
  const { id } = made.conversation;
  const topic = `conversation.${id}`;
  await ada.status('subscribed');
  await rest(first, 'ada', `/conversations/${id}/messages`, { type: 'TEXT', content: 'by REST' });
  expect((await bob.next('new_message'))[0]).toMatchObject({ conversationId: id, message: { content: 'by REST' } });
  bob.socket.emit('send_message', { conversationId: id, type: 'TEXT', content: 'by Socket.IO', optimisticId: 'o-1' });
  expect((await bob.next('message_sent'))[0]).toMatchObject({ optimisticId: 'o-1', success: true });
  const { data: sent } = await ada.ask('X-ConversationSend', { conversation: id, content: 'by a frame' });
  expect(sent.details).toMatchObject({ sequence: 3 });
  for (const expected of ['by REST', 'by Socket.IO', 'by a frame'].entries())
    expect(await said(ada, topic)).toEqual([expected[0] + 1, expected[1]]);
  bob.socket.emit('typing', { conversationId: id });
  const live = await ada.waitFor(
    ({ type, data }) => type === 'Broadcast' && (data.payload as { event?: string }).event === 'typing',
    'bob to type',
  );
  expect(live.data.payload).toMatchObject({ user: 'bob', isTyping: true });
  await ada.ask('X-ConversationRead', { conversation: id, to: 2 });
  await ada.close();
  bob.socket.disconnect();
  await first.stop();

  const second = await startServer(settings, [app]);
  const eve = await connect(second.port, { user: 'ada' });
  await eve.status('subscribed');
  const page = (await rest(second, 'bob', `/conversations/${id}/messages`)) as {
    readonly messages: readonly { readonly content: string }[];
  };
  expect(page.messages.map(({ content }) => content)).toEqual(['by REST', 'by Socket.IO', 'by a frame']);
  expect(await rest(second, 'bob', '/messaging/unread-count')).toMatchObject({ data: { unreadCount: 1 } });
  // From where it was, over the end of the log, which is gone with the process.
  const late = await connect(second.port, { user: 'bob' });
  const { recovery } = await late.subscribe({ topic, from: 'earliest' });
  expect(recovery[topic]).toMatchObject({ recovered: true, missed: 3 });
  for (let at = 1; at <= 3; at += 1) expect((await said(late, topic))[0]).toBe(at);
  const again = await eve.ask('X-ConversationSend', { conversation: id, content: 'after the restart' });
  expect(again.data.details).toMatchObject({ sequence: 4, n: 4 });
  expect(await said(late, topic)).toEqual([4, 'after the restart']);
  // The list of users that are online follows a connection a little later.
  await eventually(async () => {
    const { data } = await eve.ask('X-ConversationOnline', { conversation: id });
    return (data.details as { users: readonly string[] }).users.join() === 'ada,bob';
  }, 'both to be online');
});
