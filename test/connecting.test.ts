/** Applications are asked who may connect: they may refuse, subscribe the client, or never answer. */
import { describe, expect, test } from 'vitest';
import { refusal, type Refusal } from '../src/protocol/errors.ts';
import type { ConnectingFacts, ConnectionEvents, Welcome } from '../src/service/connection-events.ts';
import { Backend } from './harness/backend.ts';
import { connect } from './harness/client.ts';
import { eventually } from './harness/deadline.ts';
import { openStream } from './harness/event-stream.ts';
import { handshake, refusalIn } from './harness/raw.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

type Connecting = (facts: ConnectingFacts, reply: (answer: Refusal | Welcome) => void) => void;

async function serverThatAsks(connecting: Connecting): Promise<{ server: TestServer; told: string[] }> {
  const server = await startServer({ 'apps.decision_timeout_ms': '100', 'topics.subscribe': 'user' });
  const told: string[] = [];
  const events: ConnectionEvents = {
    connecting,
    connected: ({ principal }) => void told.push(`${principal.user} connected`),
    subscribed: ({ principal }, topic) => void told.push(`${principal.user} subscribed ${topic}`),
    unsubscribed: () => {},
    disconnected: ({ principal }, code) => void told.push(`${principal.user} disconnected ${code}`),
    published: () => {},
  };
  server.running.node.parts.context.events = events;
  return { server, told };
}

test('a yes may come later and bring subscriptions, and the events of the connection follow in order', async () => {
  const { server, told } = await serverThatAsks(({ principal, address }, reply) => {
    setTimeout(() => reply({ subscribe: [`inbox.${principal.user}`, `from.${address.replaceAll('.', '-')}`] }), 5);
  });
  const client = await connect(server.port);
  const { data } = await client.next('Status');
  expect(data['details']).toMatchObject({ topics: ['inbox.alice', 'from.127-0-0-1'] });
  await client.close(1000);
  await eventually(() => told.length === 4, 'the end to be told');
  expect(told).toEqual([
    'alice connected',
    'alice subscribed inbox.alice',
    'alice subscribed from.127-0-0-1',
    'alice disconnected 1000',
  ]);
});

test('a no is the answer to the handshake', async () => {
  const { server, told } = await serverThatAsks((_, reply) => reply(refusal('not_allowed', 'the account is closed')));
  const answer = await handshake(server.port, { authorization: `Bearer ${await tokenOf('alice')}` });
  expect(refusalIn(answer)).toMatchObject({ reason: 'not_allowed', message: 'the account is closed' });
  expect(told).toEqual([]);
});

test('no answer in time is a refusal for now, and the user takes no place', async () => {
  const { server } = await serverThatAsks(() => {});
  const answer = await handshake(server.port, { authorization: `Bearer ${await tokenOf('alice')}` });
  expect(refusalIn(answer)).toMatchObject({ reason: 'rights_unavailable' });
  expect([answer.status, answer.headers['retry-after'], server.connections]).toEqual([503, '2', 0]);
});

test('a fault of a listener is no decision: refused for now, and one that is only told harms nobody', async () => {
  const fail = (): never => {
    throw new Error('PLANTED');
  };
  const { server } = await serverThatAsks(fail);
  const answer = await handshake(server.port, { authorization: `Bearer ${await tokenOf('alice')}` });
  expect([answer.status, refusalIn(answer).reason, server.connections]).toEqual([503, 'rights_unavailable', 0]);
  const { context } = server.running.node.parts;
  context.events = {
    connecting: null,
    connected: fail,
    subscribed: fail,
    unsubscribed: fail,
    disconnected: fail,
    published: fail,
  };
  const client = await connect(server.port);
  await client.subscribe('chat.a');
  await client.publish('chat.a', 1);
  expect((await client.next('Broadcast')).data.payload).toBe(1);
  await client.close();
  await eventually(() => server.connections === 0, 'the end');
});

describe('the claim subscribe of a token', () => {
  const claims = { subscribe: ['chat.lobby', 'game.*', 'secret.plan'] };
  const RULES = '[{"pattern":"secret.**","subscribe":["service"]}]';

  test.each(['json', 'msgpack'] as const)(
    'subscribes its connection as far as the rights go, before the client asks for anything (%s)',
    async (format) => {
      const server = await startServer({ 'topics.rules': RULES });
      const backend = await Backend.on(server);
      await backend.publish('chat.lobby', 'before');
      const client = await connect(server.port, { claims, format });
      expect(await client.status('subscribed')).toMatchObject({
        topics: ['chat.lobby', 'game.*'],
        active_subscriptions: 2,
        positions: { 'chat.lobby': { sequence: 1 } },
        rejected: [{ topic: 'secret.plan', reason: 'not_allowed' }],
      });
      await backend.publish('chat.lobby', 'one');
      await backend.publish('game.7', 'two');
      expect((await client.take(2)).map(({ data }) => data.payload)).toEqual(['one', 'two']);
      expect(client.frames[1]).toMatchObject({ type: 'Status', data: { status: 'subscribed' } });
      expect(client.frames[1]).not.toHaveProperty('reply_to');
    },
  );

  test('stands beside what applications add, each topic once', async () => {
    const { server } = await serverThatAsks((_, reply) => reply({ subscribe: ['chat.lobby', 'chat.more'] }));
    const client = await connect(server.port, { claims: { subscribe: ['chat.own', 'chat.lobby'] } });
    expect(await client.status('subscribed')).toMatchObject({ topics: ['chat.own', 'chat.lobby', 'chat.more'] });
  });

  test('costs the client nothing, so that an empty bucket cannot lose it', async () => {
    const rates = { 'rate_limiting.connection_rps': '1', 'rate_limiting.connection_burst': '1' };
    const users = { 'rate_limiting.user_rps': '1', 'rate_limiting.user_burst': '1' };
    const server = await startServer({ ...rates, ...users });
    for (let at = 0; at < 3; at += 1) {
      const client = await connect(server.port, { claims: { subscribe: ['chat.lobby'] } });
      expect(await client.status('subscribed')).toMatchObject({ topics: ['chat.lobby'] });
    }
  });

  test('holds when the client comes back with positions: nothing is lost, and nothing is there twice after its answer', async () => {
    const server = await startServer();
    const backend = await Backend.on(server);
    const first = await connect(server.port, { claims: { subscribe: ['chat.lobby'] } });
    await first.status('subscribed');
    const { epoch, sequence } = await backend.publish('chat.lobby', 1);
    await first.next('Broadcast');
    await first.drop();
    await backend.publish('chat.lobby', 2);
    const again = await connect(server.port, { claims: { subscribe: ['chat.lobby'] } });
    await again.status('subscribed');
    await backend.publish('chat.lobby', 3);
    await again.next('Broadcast');
    const { recovery } = await again.subscribe({ topic: 'chat.lobby', epoch, sequence });
    expect(recovery['chat.lobby']).toEqual({ recovered: true, missed: 2 });
    await backend.publish('chat.lobby', 4);
    expect((await again.take(3)).map(({ data }) => data.payload)).toEqual([2, 3, 4]);
  });

  test('ends with the rights: a new token that does not allow the topic', async () => {
    const server = await startServer();
    const client = await connect(server.port, { claims: { subscribe: ['chat.lobby'] } });
    await client.status('subscribed');
    const narrowed = { claims: { topics: { subscribe: ['news.*'] }, subscribe: ['news.today'] } };
    const { data } = await client.ask('Authenticate', { token: await tokenOf('alice', narrowed) });
    expect(data['details']).toMatchObject({ unsubscribed: ['chat.lobby'] });
    await client.ask('Ping', {});
    // It says where a connection begins; a live one goes on with what it has.
    expect(server.running.node.connections[0]?.subscriptions).toEqual([]);
  });

  test('gives streams and polls its names, and where they stand; patterns fit into no event id', async () => {
    const server = await startServer({ 'topics.rules': RULES });
    const backend = await Backend.on(server);
    const options = { claims: { subscribe: ['chat.lobby', 'game.*'] } };
    const stream = await openStream(server.port, options);
    expect(await stream.subscribed()).toMatchObject({ topics: ['chat.lobby'] });
    await backend.publish('chat.lobby', 1);
    await stream.next('Broadcast');
    await stream.drop();
    await backend.publish('chat.lobby', 2);
    const again = await openStream(server.port, { ...options, headers: { 'last-event-id': stream.lastId } });
    expect((await again.next('Broadcast')).data.payload).toBe(2);
    expect(again.untaken('Gap')).toEqual([]);
  });

  test('a poll waits although the claim names what may not be read, because its client cannot take that off', async () => {
    const server = await startServer({ 'topics.rules': RULES });
    const token = await tokenOf('alice', { claims: { subscribe: ['secret.plan'] } });
    const asked = performance.now();
    const response = await fetch(`${server.url}/poll`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ topics: ['chat.lobby'], wait_ms: 300 }),
    });
    expect(await response.json()).toMatchObject({
      positions: { 'chat.lobby': { sequence: 0 } },
      rejected: [{ topic: 'secret.plan', reason: 'not_allowed' }],
    });
    expect(performance.now() - asked).toBeGreaterThan(290);
  });

  test('of a form that is none is a refused token', async () => {
    const server = await startServer();
    const token = await tokenOf('alice', { claims: { subscribe: ['a b'] } });
    const answer = await handshake(server.port, { authorization: `Bearer ${token}` });
    expect(refusalIn(answer)).toMatchObject({ reason: 'token_invalid', message: expect.stringContaining('subscribe') });
  });
});
