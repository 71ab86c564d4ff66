/** Clients of Socket.IO, by its official library, over both of its transports: docs/socketio.md. */
import { describe, expect, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { eventually, within } from '../harness/deadline.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startServer } from '../harness/server.ts';
import { connectSocketIo, socketIo, type SocketIoClient, type SocketIoOptions } from '../harness/socket-io.ts';
import { tokenOf } from '../harness/tokens.ts';

const ON = { 'socketio.enabled': 'true' };
const WEBSOCKET: SocketIoOptions = { transports: ['websocket'] };
const TRANSPORTS: readonly (readonly [string, SocketIoOptions])[] = [
  ['polls', { transports: ['polling'] }],
  ['a WebSocket', WEBSOCKET],
  ['polls, then a WebSocket', {}],
];

async function errorOf(client: SocketIoClient): Promise<{ message: string; data: Record<string, unknown> }> {
  const [error] = await client.next('connect_error');
  return error as { message: string; data: Record<string, unknown> };
}

describe.each(TRANSPORTS)('over %s', (_, options) => {
  test('A-01, of the default namespace: subscribes, publishes with an acknowledgement, and hears what others publish', async () => {
    const server = await startServer(ON);
    const ada = await connectSocketIo(server.port, 'ada', options);
    const raw = await connect(server.port, { user: 'bob' });
    await raw.subscribe('chat.lobby');
    const subscribed = await ada.ask('subscribe', 'chat.lobby');
    expect(subscribed).toMatchObject({ ok: true, topics: ['chat.lobby'], rejected: [] });
    expect(await ada.ask('publish', { topic: 'chat.lobby', payload: { text: 'hé 😀' } })).toMatchObject({
      ok: true,
      status: 'delivered',
      sequence: 1,
      recipients: 2,
    });
    expect((await raw.next('Broadcast')).data.payload).toEqual({ text: 'hé 😀' });
    await raw.publish('chat.lobby', 2);
    const [first, second] = await ada.messages(2);
    expect(first).toMatchObject({ topic: 'chat.lobby', sequence: 1, payload: { text: 'hé 😀' }, from: 'ada' });
    expect(second).toMatchObject({ topic: 'chat.lobby', sequence: 2, payload: 2, from: 'bob' });
    await ada.ask('unsubscribe', ['chat.lobby']);
    expect(await raw.publish('chat.lobby', 3)).toMatchObject({ data: { recipients: 1 } });
  });
});

describe('who is let in', () => {
  test.each([
    ['no token', () => Promise.resolve({}), 'Authentication token required', 'token_missing'],
    ['an empty token', () => Promise.resolve({ token: '' }), 'Authentication token required', 'token_missing'],
    ['a token that is none', () => Promise.resolve({ token: 'no token' }), 'Invalid token', 'token_invalid'],
    [
      'a token of another key',
      async () => ({ token: await tokenOf('ada', { secret: 'another secret of at least 32 bytes' }) }),
      'Invalid token',
      'token_invalid',
    ],
    [
      'an expired token',
      async () => ({ token: await tokenOf('ada', { expiresIn: -120 }) }),
      'Token expired',
      'token_expired',
    ],
    [
      'a revoked token',
      async () => ({ token: await tokenOf('ada', { claims: { jti: 'stolen' } }) }),
      'Session invalidated',
      'token_revoked',
    ],
  ])(
    'A-02: with %s nobody is, and the client is told why in the words that it switches on',
    async (_, auth, text, reason) => {
      const server = await startServer({ ...ON, 'admin.token': ADMIN_TOKEN });
      await new Admin(server.port).post('/admin/tokens/revoke', { jti: 'stolen' });
      const client = socketIo(server.port, { auth: await auth() });
      const error = await errorOf(client);
      expect(error.message).toBe(text);
      expect(error.data).toMatchObject({ code: 401, reason });
      expect(server.connections).toBe(0);
    },
  );

  test('the token may be in the header, where other clients have it, and begin with Bearer in the payload', async () => {
    const server = await startServer(ON);
    const token = await tokenOf('ada');
    const withHeader = socketIo(server.port, { extraHeaders: { authorization: `Bearer ${token}` } });
    await withHeader.next('connect');
    const withPrefix = socketIo(server.port, { auth: { token: `Bearer ${token}` } });
    await withPrefix.next('connect');
    expect(server.connections).toBe(2);
  });

  test('a namespace that there is not says so, and the client goes on in those that there are', async () => {
    const server = await startServer(ON);
    const client = socketIo(server.port, { auth: { token: await tokenOf('ada') } }, '/nowhere');
    expect((await errorOf(client)).message).toBe('Invalid namespace');
    client.socket.io.socket('/', { auth: { token: await tokenOf('ada') } }).connect();
    await eventually(() => server.connections === 1, 'the connection to the namespace');
  });

  test.each(['at first', 'when it comes back'])(
    '%s: a client that is given topics is let in when it follows them, and hears what is published from then on',
    async (when) => {
      const redis = await startRedis();
      const server = await startServer({ ...ON, 'redis.url': redis.url });
      const publisher = await connect(server.port, { user: 'bob' });
      const given = await tokenOf('ada', { claims: { subscribe: ['chat.given', 'news.given'] } });
      const auth = { token: when === 'at first' ? given : await tokenOf('ada') };
      const client = socketIo(server.port, { ...WEBSOCKET, auth });
      if (when === 'when it comes back') {
        await client.next('connect');
        await client.ask('subscribe', 'chat.own');
        await client.cutOff();
        await eventually(() => server.connections === 1, 'the client to be gone');
        auth.token = given;
        client.heard.length = 0;
      }
      redis.pause();
      if (when === 'when it comes back') client.socket.connect();
      await eventually(() => server.connections === 2, 'the client to be admitted');
      // Packets that its admission has sent are with it before this answer.
      await fetch(`${server.url}/info`);
      expect(client.heard).toEqual([]);
      redis.resume();
      await client.next('connect');
      await publisher.publish('news.given', 'at once');
      expect(await client.messages(1)).toMatchObject([{ topic: 'news.given', payload: 'at once' }]);
    },
  );

  test('one user has no more connections than allowed, whatever they come over', async () => {
    const server = await startServer({ ...ON, 'websocket.max_connections_per_user': '2' });
    await connect(server.port, { user: 'ada' });
    await connectSocketIo(server.port, 'ada', WEBSOCKET);
    const third = socketIo(server.port, { auth: { token: await tokenOf('ada') }, ...WEBSOCKET });
    expect((await errorOf(third)).data).toMatchObject({ reason: 'connection_limit', temporary: true });
  });

  test('without the section in the configuration there is no such path', async () => {
    const server = await startServer();
    expect((await server.get('/socket.io/?EIO=4&transport=polling')).status).toBe(404);
  });
});

describe('what a client asks for', () => {
  test('a refusal is an acknowledgement with its reason; without one to give it is the event error', async () => {
    const server = await startServer(ON);
    const client = await connectSocketIo(server.port, 'ada', WEBSOCKET);
    expect(await client.ask('publish', { topic: 'no topic!', payload: 1 })).toMatchObject({
      ok: false,
      error: { code: 400, reason: 'invalid_topic' },
    });
    expect(await client.ask('sing', 1)).toMatchObject({ ok: false, error: { reason: 'unknown_type' } });
    client.socket.emit('publish', { topic: 'no topic!', payload: 1, id: 'mine' });
    const [error] = await client.next('error');
    expect(error).toMatchObject({ reply_to: 'mine', reason: 'invalid_topic' });
  });

  test('history, direct messages and their own ids', async () => {
    const server = await startServer(ON);
    const client = await connectSocketIo(server.port, 'ada', WEBSOCKET);
    await client.ask('subscribe', { topics: ['@me'] });
    await client.ask('publish', { topic: 'chat.a', payload: 'old', id: 'mine', idempotency_key: 'k' });
    expect(await client.ask('publish', { topic: 'chat.a', payload: 'old', idempotency_key: 'k' })).toMatchObject({
      status: 'duplicate',
    });
    const { messages } = await client.ask('history', { topic: 'chat.a', limit: 5 });
    expect(messages).toMatchObject([{ data: { payload: 'old', client_id: 'mine' } }]);
    await client.ask('direct', { target_user: 'ada', payload: 'to myself' });
    expect((await client.next('direct'))[0]).toMatchObject({ from_user: 'ada', payload: 'to myself' });
  });

  test('bytes are refused with a reason, and what follows is heard', async () => {
    const server = await startServer(ON);
    const client = await connectSocketIo(server.port, 'ada', WEBSOCKET);
    const refused = await client.ask('publish', { topic: 'chat.a', payload: Buffer.from([1, 2]) });
    expect(refused).toMatchObject({ ok: false, error: { reason: 'malformed' } });
    expect(refused.error?.message).toContain('base64');
    expect(await client.ask('publish', { topic: 'chat.a', payload: 1 })).toMatchObject({ ok: true, sequence: 1 });
  });

  test('a message that is too large for one poll comes in its own, and is heard in order', async () => {
    const server = await startServer({ ...ON, 'rate_limiting.enabled': 'false' });
    const client = await connectSocketIo(server.port, 'ada', { transports: ['polling'] });
    await client.ask('subscribe', 'chat.a');
    const all = Array.from({ length: 40 }, (_, at) => ({ at, filler: 'x'.repeat(8_000) }));
    for (const payload of all) client.socket.emit('publish', { topic: 'chat.a', payload });
    const heard = await client.messages(all.length);
    expect(heard.map(({ payload }) => (payload as { at: number }).at)).toEqual(all.map(({ at }) => at));
  });
});

describe('what the server does', () => {
  test('operators see the transport, and what they close stays closed', async () => {
    const server = await startServer({ ...ON, 'admin.token': ADMIN_TOKEN });
    const admin = new Admin(server.port);
    const client = await connectSocketIo(server.port, 'ada');
    const { body } = await admin.get('/admin/connections');
    expect(body['connections']).toMatchObject([{ id: client.socket.id, user: 'ada', transport: 'socketio' }]);
    expect(await server.samples('signalbox_connections')).toContainEqual(
      expect.objectContaining({ transport: 'socketio', format: 'json', value: 1 }),
    );
    await admin.post('/admin/tokens/revoke', { user: 'ada' });
    server.beat();
    expect((await client.next('error'))[0]).toMatchObject({ code: 4301, reason: 'token_revoked' });
    expect(await client.next('disconnect')).toEqual(['io server disconnect', undefined]);
    client.socket.connect();
    expect((await errorOf(client)).message).toBe('Session invalidated');
  });

  test('a token that ends is announced, then ends the connection', async () => {
    const server = await startServer({ ...ON, 'auth.leeway_secs': '0' });
    const client = await connectSocketIo(server.port, 'ada', WEBSOCKET, { expiresIn: 2 });
    const beating = setInterval(() => server.beat(), 50);
    const [warning] = await client.next('auth_status');
    expect(warning).toMatchObject({ status: 'token_expiring' });
    const [reason] = await client.next('disconnect');
    clearInterval(beating);
    expect(reason).toBe('io server disconnect');
    expect((await client.next('error'))[0]).toMatchObject({ code: 4300, reason: 'token_expired', temporary: true });
    client.socket.connect();
    expect((await errorOf(client)).message).toBe('Token expired');
  });

  test('a new token goes on with the connection', async () => {
    const server = await startServer(ON);
    const client = await connectSocketIo(server.port, 'ada', WEBSOCKET);
    expect(await client.ask('authenticate', await tokenOf('ada', { expiresIn: 9_000 }))).toMatchObject({ ok: true });
    expect(await client.ask('authenticate', await tokenOf('eve'))).toMatchObject({ ok: false });
  });

  test('who drains tells its clients, serves them to the end, and they come back to another node by themselves', async () => {
    const server = await startServer(ON);
    const client = await connectSocketIo(server.port, 'ada', WEBSOCKET);
    await client.ask('subscribe', 'chat.a');
    const stopped = server.stop();
    expect((await client.next('status'))[0]).toMatchObject({ status: 'connected' });
    expect((await client.next('status'))[0]).toMatchObject({ status: 'draining' });
    const [reason] = await client.next('disconnect');
    // No word of the protocol: after `io server disconnect` a client would stay away.
    expect(reason).toBe('transport close');
    expect(client.socket.active).toBe(true);
    await within(stopped, 'the server to stop');
  });

  test('a client that does not read loses what its mailbox cannot hold, and is told exactly which', async () => {
    const server = await startServer({
      ...ON,
      'rate_limiting.enabled': 'false',
      'topics.history': '10',
      'actor_system.mailbox_capacity': '10',
    });
    const publisher = await connect(server.port, { user: 'publisher' });
    const client = await connectSocketIo(server.port, 'slow', { transports: ['polling'] });
    await client.ask('subscribe', 'chat.a');
    const connection = server.running.node.connections.find(({ principal }) => principal.user === 'slow');
    // The first write fills the answer to a poll that has not come; the rest waits as numbers.
    const { transport } = connection ?? {};
    const buffered = (): number => transport?.buffered() ?? 0;
    const { engine } = client.socket.io;
    const polling = engine.transport as unknown as { doPoll(): void };
    const poll = polling.doPoll.bind(polling);
    polling.doPoll = () => {};
    await publisher.publish('chat.a', 0);
    await client.messages(1);
    await publisher.publish('chat.a', 1);
    await eventually(() => buffered() > 0, 'the first message to wait for a poll');
    for (let number = 2; number <= 40; number += 1) await publisher.publish('chat.a', number);
    polling.doPoll = poll;
    poll();
    const [gap] = (await client.next('gap')) as [{ from: number; to: number; count: number; cause: string }];
    expect(gap).toMatchObject({ topic: 'chat.a', cause: 'overflow', count: gap.to - gap.from + 1 });
    const heard = (await client.messages(40 - gap.count)).map(({ payload }) => payload as number);
    // Sequences begin with 1, payloads with 0.
    const lost = Array.from({ length: gap.count }, (_, at) => gap.from - 1 + at);
    expect([...heard, ...lost].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, at) => at + 1));
    expect(server.running.node.unaccounted()).toBe(0);
  });
});
