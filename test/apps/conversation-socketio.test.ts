/** The events of both guides, with the official client of Socket.IO, as shipped. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { connect } from '../harness/client.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';
import { openServer, type TestServer } from '../harness/server.ts';
import { socketIo, type SocketIoClient, type SocketIoOptions } from '../harness/socket-io.ts';
import { tokenOf } from '../harness/tokens.ts';

interface Message {
  readonly id: string;
  readonly content: string;
}

let server: TestServer;
beforeAll(async () => {
  server = await openServer(
    {
      'database.folder': await pgliteFolder(),
      'database.migrate': 'true',
      'apps.conversations.online': 'false',
      'rate_limiting.enabled': 'false',
      'socketio.enabled': 'true',
    },
    [app],
  );
});
afterAll(() => server.stop());

/** A client in a namespace. */
async function open(user: string, namespace = '/', options: SocketIoOptions = {}): Promise<SocketIoClient> {
  const client = socketIo(
    server.port,
    { auth: { token: await tokenOf(user) }, transports: ['websocket'], ...options },
    namespace,
  );
  await client.next('connect');
  return client;
}

interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- answers of all routes
  readonly json: any;
}

async function request(user: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const authorization = `Bearer ${await tokenOf(user)}`;
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: await response.json() };
}

/** A private conversation, which marks what follows: nothing that came before it is still under way. */
async function pair(customer: string, artist: string): Promise<string> {
  return (await request(customer, 'POST', '/messaging/conversations', { artistId: artist })).json.data.id;
}

/** The names of the events that a client has heard and nobody has taken, without those of the server's own and of other clients' presence. */
function untaken(client: SocketIoClient): string[] {
  return client.heard
    .map(([name]) => name)
    .filter((name) => !['status', 'subscribed', 'unsubscribed', 'notification', 'connection_success'].includes(name));
}

/** Everything that was on its way to the client has come: the answer to its own question is behind it. */
async function settled(client: SocketIoClient): Promise<void> {
  await client.ask('nothing');
}

describe('a marketplace (guide 000), in the namespace /', () => {
  test('A-06: a member joins by the bare id; a stranger hears one error, the same as for no conversation, and nothing later', async () => {
    const id = await pair('ada', 'bob');
    const [bob, eve] = [await open('bob'), await open('eve')];
    bob.socket.emit('join:conversation', id);
    expect(await bob.next('conversation:joined')).toEqual([{ conversationId: id }, expect.anything()].slice(0, 1));
    const errors: unknown[] = [];
    for (const asked of [id, 'none', '', 7, null]) {
      eve.socket.emit('join:conversation', asked);
      const [error] = await eve.next('error');
      errors.push({ ...(error as object), conversationId: 'asked' });
    }
    expect(new Set(errors.map((it) => JSON.stringify(it))).size).toBe(1);
    expect(errors[0]).toMatchObject({ message: 'Access denied to this conversation', code: 'not_found' });
    await request('ada', 'POST', `/messaging/conversations/${id}/messages`, {
      messageType: 'text',
      content: 'for bob',
    });
    expect((await bob.next('message:new'))[0]).toMatchObject({ content: 'for bob' });
    await settled(eve);
    expect(untaken(eve)).toEqual([]);
  });

  test('A-08: one send is one message:delivered for its sender, one message:new for everybody else, and the shape is that of REST', async () => {
    const id = await pair('cleo', 'dan');
    const [cleo, device, dan] = [await open('cleo'), await open('cleo'), await open('dan')];
    cleo.socket.emit('message:send', {
      conversationId: id,
      messageType: 'text',
      content: 'hi <i>Dan</i>',
      bookingId: 'b-1',
    });
    const [delivered] = (await cleo.next('message:delivered')) as [{ messageId: string; message: unknown }];
    const [news, others] = [(await dan.next('message:new'))[0], (await device.next('message:new'))[0]];
    const { json } = await request('dan', 'GET', `/messaging/conversations/${id}/messages`);
    expect(json.data).toHaveLength(1);
    expect([delivered.message, news, others]).toEqual([json.data[0], json.data[0], json.data[0]]);
    expect(delivered.messageId).toBe(json.data[0].id);
    expect(news).toMatchObject({ senderRole: 'customer', content: 'hi Dan', bookingId: 'b-1' });
    for (const client of [cleo, device, dan]) {
      await settled(client);
      expect(untaken(client)).toEqual([]);
    }
  });

  test('A-07, A-09: who has left hears nothing and has it unread; a send without a join is taken, and a stranger is told', async () => {
    const id = await pair('fay', 'gus');
    const [fay, gus, eve] = [await open('fay'), await open('gus'), await open('eve')];
    gus.socket.emit('leave:conversation', id);
    expect((await gus.next('conversation:left'))[0]).toEqual({ conversationId: id });
    const message = { conversationId: id, messageType: 'text', content: 'hello' };
    fay.socket.emit('message:send', message);
    await fay.next('message:delivered');
    await settled(gus);
    expect(untaken(gus)).toEqual([]);
    expect((await request('gus', 'GET', '/messaging/unread-count')).json.data).toMatchObject({ unreadCount: 1 });
    gus.socket.emit('message:send', { ...message, content: 'from outside' });
    await gus.next('message:delivered');
    expect((await fay.next('message:new'))[0]).toMatchObject({ content: 'from outside', senderRole: 'artist' });
    eve.socket.emit('message:send', message);
    expect((await eve.next('error'))[0]).toMatchObject({ code: 'not_found' });
    fay.socket.emit('message:send', { ...message, messageType: 'poem' });
    expect((await fay.next('error'))[0]).toMatchObject({
      code: 'invalid_field',
      message: expect.stringMatching(/^messageType: /),
    });
  });

  test('A-11, A-12: the other side alone sees who types and what was read; a repetition and an older place are told to nobody', async () => {
    const id = await pair('hal', 'ida');
    const [hal, device, ida] = [await open('hal'), await open('hal'), await open('ida')];
    hal.socket.emit('typing:start', id);
    expect((await ida.next('user:typing'))[0]).toEqual({ conversationId: id, userId: 'hal', isTyping: true });
    hal.socket.emit('typing:stop', id);
    expect((await ida.next('user:typing'))[0]).toEqual({ conversationId: id, userId: 'hal', isTyping: false });
    const ids: string[] = [];
    for (const content of ['1', '2']) {
      hal.socket.emit('message:send', { conversationId: id, messageType: 'text', content });
      ids.push(((await hal.next('message:delivered'))[0] as { messageId: string }).messageId);
    }
    for (const messageId of [ids[1], ids[1], ids[0]]) await ida.ask('message:read', { messageId, conversationId: id });
    expect((await hal.next('message:read'))[0]).toEqual({ conversationId: id, messageId: ids[1], readBy: 'ida' });
    for (const client of [hal, ida]) await settled(client);
    expect([untaken(hal), untaken(ida)]).toEqual([[], ['message:new', 'message:new']]);
    await settled(device);
    expect(untaken(device)).toEqual(['message:new', 'message:new', 'message:read']);
  });
});

describe('a complete chat (guide 003), in the namespace /messaging', () => {
  const NAMESPACE = '/messaging';

  test('D-01, D-02, D-04: a client of the own user is in, is told so, and hears its conversations without a join', async () => {
    const id = await pair('jan', 'kim');
    const token = await tokenOf('kim');
    const wrong = socketIo(server.port, { auth: { token, userId: 'jan' } }, NAMESPACE);
    expect((await wrong.next('connect_error'))[0]).toMatchObject({ message: 'User does not match the token' });
    const kim = await open('kim', NAMESPACE, { auth: { token, userId: 'kim' } });
    const [welcome] = (await kim.next('connection_success')) as [{ connectionTime: number }];
    expect(welcome).toEqual({ userId: 'kim', socketId: kim.socket.id, connectionTime: expect.any(Number) });
    expect([welcome.connectionTime >= 0, welcome.connectionTime < 60_000]).toEqual([true, true]);
    await request('jan', 'POST', `/conversations/${id}/messages`, { content: 'no join' });
    expect((await kim.next('new_message'))[0]).toMatchObject({ conversationId: id, message: { content: 'no join' } });
  });

  test('D-06: join and leave by conversationId; a stranger is refused as for what there is not', async () => {
    const id = await pair('lea', 'mia');
    const [mia, eve] = [await open('mia', NAMESPACE), await open('eve', NAMESPACE)];
    mia.socket.emit('leave_conversation', { conversationId: id });
    expect((await mia.next('conversation_left'))[0]).toEqual({ conversationId: id });
    await request('lea', 'POST', `/conversations/${id}/messages`, { content: 'unheard' });
    mia.socket.emit('join_conversation', { conversationId: id });
    expect((await mia.next('conversation_joined'))[0]).toEqual({ conversationId: id });
    await request('lea', 'POST', `/conversations/${id}/messages`, { content: 'heard' });
    expect((await mia.next('new_message'))[0]).toMatchObject({ message: { content: 'heard' } });
    for (const conversationId of [id, 'none']) {
      eve.socket.emit('join_conversation', { conversationId });
      expect((await eve.next('error'))[0]).toMatchObject({
        conversationId,
        message: 'Access denied to this conversation',
        code: 'not_found',
      });
    }
  });

  test('D-07, D-08: the sender gets message_sent with its optimisticId to the letter, everybody else one new_message, the own second device too', async () => {
    const id = await pair('nia', 'oda');
    const [nia, device, oda] = [
      await open('nia', NAMESPACE),
      await open('nia', NAMESPACE),
      await open('oda', NAMESPACE),
    ];
    const optimisticId = 'optimistic-Ω-"1"';
    nia.socket.emit('send_message', { conversationId: id, content: 'hello', type: 'TEXT', optimisticId });
    const [sent] = (await nia.next('message_sent')) as [{ message: Message }];
    const { json } = await request('oda', 'GET', `/conversations/${id}/messages`);
    expect(sent).toEqual({ optimisticId, message: json.messages[0], success: true });
    for (const client of [device, oda])
      expect((await client.next('new_message'))[0]).toEqual({ message: sent.message, conversationId: id });
    for (const client of [nia, device, oda]) {
      await settled(client);
      expect(untaken(client)).toEqual([]);
    }
  });

  test('D-09: what fails is one message_error with the same optimisticId, never silence, never both', async () => {
    const id = await pair('pam', 'quo');
    const [pam, eve] = [await open('pam', NAMESPACE), await open('eve', NAMESPACE)];
    const bad: readonly (readonly [SocketIoClient, object, string])[] = [
      [pam, { conversationId: id, content: '', type: 'TEXT' }, 'invalid_field'],
      [pam, { conversationId: id, content: 'x'.repeat(20_000), type: 'TEXT' }, 'invalid_field'],
      [pam, { conversationId: id, content: 'x', type: 'POEM' }, 'invalid_field'],
      [pam, { conversationId: id, content: 'x', type: 'SYSTEM' }, 'not_allowed'],
      [pam, { conversationId: 'none', content: 'x', type: 'TEXT' }, 'not_found'],
      [pam, { content: 'x', type: 'TEXT' }, 'not_found'],
      [eve, { conversationId: id, content: 'x', type: 'TEXT' }, 'not_found'],
    ];
    for (const [at, [client, message, code]] of bad.entries()) {
      client.socket.emit('send_message', { ...message, optimisticId: `o-${at}` });
      expect((await client.next('message_error'))[0]).toMatchObject({ optimisticId: `o-${at}`, success: false, code });
    }
    for (const client of [pam, eve]) {
      await settled(client);
      expect(untaken(client)).toEqual([]);
    }
  });

  test('D-10: the same optimisticId again, after the connection was cut, is told its first place, and the others hear it once', async () => {
    const id = await pair('ria', 'sam');
    const [ria, sam] = [await open('ria', NAMESPACE), await open('sam', NAMESPACE)];
    const message = { conversationId: id, content: 'once', type: 'TEXT', optimisticId: 'o-1' };
    ria.socket.emit('send_message', message);
    const first = (await sam.next('new_message'))[0] as { message: Message };
    await ria.cutOff();
    await ria.comeBack();
    ria.heard.length = 0;
    ria.socket.emit('send_message', message);
    expect((await ria.next('message_sent'))[0]).toEqual({ optimisticId: 'o-1', message: first.message, success: true });
    await settled(sam);
    expect(untaken(sam)).toEqual([]);
    expect((await request('sam', 'GET', `/conversations/${id}/messages`)).json.totalCount).toBe(1);
  });

  test('D-13, C-25: typing and stop_typing have one shape, whichever names the client used, and are never shown to oneself', async () => {
    const id = await pair('tom', 'una');
    const [tom, device, una] = [
      await open('tom', NAMESPACE),
      await open('tom', NAMESPACE),
      await open('una', NAMESPACE),
    ];
    for (const [start, stop] of [
      ['typing', 'stop_typing'],
      ['typing_start', 'typing_stop'],
    ] as const) {
      tom.socket.emit(start, { conversationId: id });
      expect((await una.next('typing'))[0]).toEqual({ conversationId: id, userId: 'tom', isTyping: true });
      tom.socket.emit(stop, { conversationId: id });
      expect((await una.next('stop_typing'))[0]).toEqual({ conversationId: id, userId: 'tom', isTyping: false });
    }
    for (const client of [tom, device]) {
      await settled(client);
      expect(untaken(client)).toEqual([]);
    }
  });

  test('D-15: mark_as_read and the route move one position; the other side hears of each move once', async () => {
    const id = await pair('vic', 'wim');
    const [vic, wim] = [await open('vic', NAMESPACE), await open('wim', NAMESPACE)];
    for (const content of ['1', '2', '3']) await request('vic', 'POST', `/conversations/${id}/messages`, { content });
    await wim.ask('mark_as_read', { conversationId: id, messageId: `${id}.2` });
    expect((await vic.next('message_read'))[0]).toEqual({ conversationId: id, messageId: `${id}.2`, userId: 'wim' });
    const read = (at: number): ReturnType<typeof request> =>
      request('wim', 'PUT', `/conversations/${id}/messages/${id}.${at}/read`, {});
    expect((await read(2)).json).toEqual({ success: true, unreadCount: 1 });
    expect((await read(3)).json).toEqual({ success: true, unreadCount: 0 });
    expect((await vic.next('message_read'))[0]).toMatchObject({ messageId: `${id}.3` });
    await wim.ask('mark_messages_read', { conversationId: id });
    await settled(vic);
    expect(untaken(vic).filter((name) => name === 'message_read')).toEqual([]);
  });

  test('D-45: the history over the socket is that of REST, by both cursors', async () => {
    const id = await pair('xan', 'yve');
    const [xan, yve] = [await open('xan', NAMESPACE), await open('yve', NAMESPACE)];
    for (let at = 1; at <= 5; at += 1)
      await request('xan', 'POST', `/conversations/${id}/messages`, { content: String(at) });
    await request('xan', 'DELETE', `/conversations/${id}/messages/${id}.2`);
    await yve.ask('mark_as_read', { conversationId: id, messageId: `${id}.4` });
    for (const [wish, query] of [
      [{}, ''],
      [{ limit: 2 }, '?limit=2'],
      [{ before: `${id}.4`, limit: 2 }, `?limit=2&before=${id}.4`],
      [{ after: `${id}.1` }, `?after=${id}.1`],
    ] as const) {
      xan.socket.emit('get_messages', { conversationId: id, ...wish });
      const { json } = await request('xan', 'GET', `/conversations/${id}/messages${query}`);
      expect((await xan.next('messages_loaded'))[0]).toEqual({ conversationId: id, ...json });
    }
    const eve = await open('eve', NAMESPACE);
    eve.socket.emit('get_messages', { conversationId: id });
    expect((await eve.next('error'))[0]).toMatchObject({ code: 'not_found' });
  });

  test('D-27, D-28: edits, deletions and reactions of one side are events of the other', async () => {
    const id = await pair('zed', 'abe');
    const [zed, abe] = [await open('zed', NAMESPACE), await open('abe', NAMESPACE)];
    await request('zed', 'POST', `/conversations/${id}/messages`, { content: 'frist' });
    await abe.next('new_message');
    const messageId = `${id}.1`;
    const who = { conversationId: id, messageId };
    await zed.ask('edit_message', { messageId, content: 'first' });
    expect((await abe.next('message_edited'))[0]).toEqual({ ...who, userId: 'zed', content: 'first' });
    await abe.ask('add_reaction', { messageId, emoji: '👍' });
    expect((await zed.next('message_reaction'))[0]).toEqual({ ...who, userId: 'abe', emoji: '👍', added: true });
    await abe.ask('remove_reaction', { messageId, emoji: '👍' });
    expect((await zed.next('message_reaction'))[0]).toMatchObject({ added: false });
    await zed.ask('delete_message', { messageId });
    expect((await abe.next('message_deleted'))[0]).toEqual({ ...who, userId: 'zed' });
    abe.socket.emit('edit_message', { messageId: 'nonsense', content: 'x' });
    expect((await abe.next('error'))[0]).toMatchObject({ code: 'not_found' });
  });

  test('a raw client, a client of each namespace and REST meet in one conversation', async () => {
    const id = await pair('ben', 'cal');
    const raw = await connect(server.port, { user: 'ben' });
    const [chat, market] = [await open('cal', NAMESPACE), await open('cal')];
    await raw.publish(`conversation.${id}`, { type: 'text', content: 'from raw' });
    expect((await chat.next('new_message'))[0]).toMatchObject({ message: { content: 'from raw', type: 'TEXT' } });
    expect((await market.next('message:new'))[0]).toMatchObject({ content: 'from raw', messageType: 'text' });
    chat.socket.emit('send_message', { conversationId: id, content: 'from the chat', type: 'TEXT', optimisticId: 'o' });
    expect((await market.next('message:new'))[0]).toMatchObject({ content: 'from the chat' });
    expect((await raw.take(2)).map(({ data }) => (data.payload as Message).content)).toEqual([
      'from raw',
      'from the chat',
    ]);
  });
});

test.each(['/', '/messaging'])(
  'in %s what is not of conversations keeps the names and all the words of the server',
  async (namespace) => {
    const user = `other-${namespace.length}`;
    const token = await tokenOf(user, { claims: { subscribe: ['news.today', '@me'] } });
    const client = await open(user, namespace, { auth: { token } });
    const backend = async (path: string, body: object): Promise<void> => {
      const authorization = `Bearer ${await tokenOf('shop', { roles: ['service'] })}`;
      const init = { method: 'POST', headers: { authorization }, body: JSON.stringify(body) };
      expect((await fetch(`${server.url}${path}`, init)).status).toBe(200);
    };
    await backend('/api/publish', { topic: 'news.today', payload: 'rain' });
    expect((await client.next('message'))[0]).toMatchObject({ topic: 'news.today', payload: 'rain' });
    await backend('/api/publish', { target_user: user, payload: 'only for you' });
    expect((await client.next('direct'))[0]).toMatchObject({ payload: 'only for you' });
  },
);
