/** Backends see, close, subscribe and unsubscribe the connections of users, on all nodes: docs/http.md, "Users". */
import { beforeAll, describe, expect, test } from 'vitest';
import { ENDPOINTS } from '../src/http/openapi/endpoints.ts';
import { Admin, ADMIN_TOKEN } from './harness/admin.ts';
import { Backend } from './harness/backend.ts';
import { connect } from './harness/client.ts';
import { eventually } from './harness/deadline.ts';
import { openStream } from './harness/event-stream.ts';
import { startRedis, type RedisServer } from './harness/redis-server.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

const TOPIC = 'orders.eu';
/** Only backends may listen to what begins with it. */
const RULES = '[{"pattern":"secret.**","subscribe":["service"]}]';

let redis: RedisServer;
let lastPrefix = 0;
beforeAll(async () => {
  redis = await startRedis();
});

async function twoNodes(): Promise<readonly [TestServer, TestServer]> {
  lastPrefix += 1;
  const settings = { 'redis.url': redis.url, 'redis.prefix': `users${lastPrefix}`, 'topics.rules': RULES };
  const a = await startServer({ ...settings, 'server.node_name': 'a' });
  return [a, await startServer({ ...settings, 'server.node_name': 'b' })];
}

async function oneNode(): Promise<readonly [TestServer, TestServer]> {
  const server = await startServer({ 'topics.rules': RULES, 'admin.token': ADMIN_TOKEN });
  return [server, server];
}

interface Listed {
  readonly total: number;
  readonly missed: readonly string[];
  readonly connections: readonly {
    readonly node: string;
    readonly connection_id: string;
    readonly session_id: string;
    readonly topics: readonly string[];
  }[];
}

interface Changed {
  readonly connections: number;
  readonly missed: readonly string[];
  readonly topics: readonly string[];
  readonly rejected: readonly { readonly topic: string; readonly reason: string }[];
}

function list(backend: Backend, user: string): Promise<{ status: number; body: Listed }> {
  return backend.call<Listed>('GET', `/api/connections?user=${user}`);
}

function subscribe(backend: Backend, ...topics: string[]): Promise<{ status: number; body: Changed }> {
  return backend.call<Changed>('POST', '/api/subscribe', { user: 'alice', topics });
}

function unsubscribe(backend: Backend, ...topics: string[]): Promise<{ status: number; body: Changed }> {
  return backend.call<Changed>('POST', '/api/unsubscribe', { user: 'alice', topics });
}

/** An answer that holds nothing that its description does not know. */
function expectDescribed(method: string, path: string, body: unknown): void {
  const endpoint = ENDPOINTS.find((each) => each.method === method && each.path === path);
  if (endpoint === undefined || 'byMediaType' in endpoint.response) throw new Error(`${path} is not described`);
  expect(endpoint.response.parse(body)).toEqual(body);
}

describe.each([
  ['on one node in memory', oneNode],
  ['on two nodes on Redis', twoNodes],
])('%s', (_, nodes) => {
  test('the connections of a user are listed with their node and topics, and no other user is among them', async () => {
    const [a, b] = await nodes();
    const [one, two] = [await connect(a.port), await connect(b.port, { format: 'msgpack' })];
    await one.subscribe(TOPIC, 'chat.*');
    await connect(a.port, { user: 'bob' });
    await connect(a.port, { claims: { tenant: 'other' } });
    const backend = await Backend.on(a);
    const { status, body } = await list(backend, 'alice');
    expect([status, body.total, body.missed]).toEqual([200, 2, []]);
    expect(two.isClosed).toBe(false);
    expect(body.connections.map(({ topics }) => topics)).toEqual(expect.arrayContaining([[TOPIC, 'chat.*'], []]));
    expectDescribed('GET', '/api/connections', body);
    expect((await list(backend, 'nobody')).body).toEqual({ user: 'nobody', total: 0, connections: [], missed: [] });
    const foreign = await Backend.on(a, { claims: { tenant: 'other' } });
    expect((await list(foreign, 'alice')).body.total).toBe(1);
  });

  test('all connections of a user are closed, with the code that says whether they come back', async () => {
    const [a, b] = await nodes();
    const clients = [await connect(a.port), await connect(b.port)];
    const bob = await connect(b.port, { user: 'bob' });
    const backend = await Backend.on(a);
    const order = { user: 'alice', code: 4301, reason: 'the plan has changed' };
    const { status, body } = await backend.call('POST', '/api/disconnect', order);
    expect([status, body]).toEqual([200, { connections: 2, missed: [] }]);
    for (const client of clients) expect(await client.closed).toEqual({ code: 4301, reason: 'the plan has changed' });
    expect(bob.isClosed).toBe(false);
    expectDescribed('POST', '/api/disconnect', body);
  });

  test('one connection is closed by its id, another by its session; those of other tenants are not found', async () => {
    const [a, b] = await nodes();
    const [one, two] = [await connect(b.port), await connect(b.port)];
    const backend = await Backend.on(a);
    const { connections } = (await list(backend, 'alice')).body;
    const foreign = await Backend.on(a, { claims: { tenant: 'other' } });
    const close = (by: Backend, what: object): Promise<{ body: { connections: number } }> =>
      by.call('POST', '/api/disconnect', what);
    for (const { connection_id: id, session_id: session } of connections) {
      expect((await close(foreign, { connection_id: id })).body.connections).toBe(0);
      expect((await close(foreign, { session_id: session })).body.connections).toBe(0);
    }
    const [first, second] = connections;
    expect((await close(backend, { connection_id: first?.connection_id })).body.connections).toBe(1);
    expect((await close(backend, { session_id: second?.session_id, code: 4009 })).body.connections).toBe(1);
    expect((await Promise.all([one.closed, two.closed])).map(({ code }) => String(code)).toSorted()).toEqual([
      '4009',
      '4107',
    ]);
    expect((await close(backend, { connection_id: first?.connection_id })).body.connections).toBe(0);
  });

  test('every connection is subscribed, is told so, and gets what comes from then on; then it is unsubscribed', async () => {
    const [a, b] = await nodes();
    const clients = [await connect(a.port), await connect(b.port, { format: 'msgpack' })];
    const stream = await openStream(b.port, { query: { topics: 'chat.own' } });
    await stream.subscribed();
    const backend = await Backend.on(a);
    await backend.publish(TOPIC, 'before');
    const { status, body } = await subscribe(backend, TOPIC, 'chat.*', 'no topic');
    expect([status, body.connections, body.topics]).toEqual([207, 3, [TOPIC, 'chat.*']]);
    expect(body.rejected).toMatchObject([{ topic: 'no topic', reason: 'invalid_topic' }]);
    expectDescribed('POST', '/api/subscribe', body);
    for (const client of clients)
      expect(await client.status('subscribed')).toMatchObject({
        topics: [TOPIC, 'chat.*'],
        positions: { [TOPIC]: { sequence: 1 } },
        rejected: [],
      });
    expect(await stream.subscribed()).toMatchObject({ topics: [TOPIC, 'chat.*'] });
    await backend.publish(TOPIC, 'after');
    for (const client of clients)
      expect((await client.next('Broadcast')).data).toMatchObject({ payload: 'after', sequence: 2 });
    expect((await stream.next('Broadcast')).data).toMatchObject({ payload: 'after' });
    expect((await unsubscribe(backend, TOPIC)).body).toEqual({
      connections: 3,
      missed: [],
      topics: [TOPIC],
      rejected: [],
    });
    for (const client of clients)
      expect(await client.status('unsubscribed')).toEqual({ topics: [TOPIC], active_subscriptions: 1 });
    await backend.publish(TOPIC, 'too late');
    await backend.publish('chat.x', 'still');
    for (const client of clients) expect((await client.next('Broadcast')).data).toMatchObject({ payload: 'still' });
  });
});

describe('the right that counts is that of the backend', () => {
  test('a client gets what it may not ask for, until the backend takes it back, and a new token does not end it', async () => {
    const [a] = await oneNode();
    const alice = await connect(a.port);
    expect(await alice.subscribe('secret.plan')).toMatchObject({ rejected: [{ reason: 'not_allowed' }] });
    const backend = await Backend.on(a);
    expect((await subscribe(backend, 'secret.plan', 'secret.*')).status).toBe(200);
    await alice.status('subscribed');
    await alice.ask('Authenticate', { token: await tokenOf('alice') });
    // While it is given, the client may name it too: to read it, or to start anew at a position.
    expect(await alice.subscribe('secret.plan')).toMatchObject({ topics: ['secret.plan'], rejected: [] });
    await backend.publish('secret.plan', 1);
    expect((await alice.next('Broadcast')).data.payload).toBe(1);
    await unsubscribe(backend, 'secret.plan', 'secret.*');
    await alice.status('unsubscribed');
    expect(await alice.subscribe('secret.plan', 'secret.*')).toMatchObject({
      topics: [],
      rejected: [{ reason: 'not_allowed' }, { reason: 'not_allowed' }],
    });
  });

  test('what the client has unsubscribed itself is not its own any more', async () => {
    const [a] = await oneNode();
    const alice = await connect(a.port);
    await subscribe(await Backend.on(a), 'secret.plan', 'secret.*');
    await alice.status('subscribed');
    await alice.ask('Unsubscribe', { topics: ['secret.plan', 'secret.*'] });
    expect(await alice.subscribe('secret.plan', 'secret.*')).toMatchObject({ topics: [] });
  });

  test('a change of rights ends it where the user may not have it, and says why', async () => {
    const [a] = await oneNode();
    const alice = await connect(a.port);
    await subscribe(await Backend.on(a), 'secret.plan');
    await alice.status('subscribed');
    await new Admin(a.port).post('/admin/rights/changed', { user: 'alice' });
    expect(await alice.status('unsubscribed')).toMatchObject({
      topics: ['secret.plan'],
      rejected: [{ topic: 'secret.plan', reason: 'not_allowed' }],
    });
  });

  test('topics that the backend may not listen to are refused, and nobody is subscribed', async () => {
    const [a] = await oneNode();
    const alice = await connect(a.port);
    const backend = await Backend.on(a, { claims: { topics: { subscribe: ['orders.*'], publish: [] } } });
    for (const ask of [subscribe, unsubscribe]) {
      const { status, body } = await ask(backend, 'chat.lobby');
      expect([status, body]).toMatchObject([
        207,
        { connections: 0, topics: [], rejected: [{ reason: 'not_allowed' }] },
      ]);
    }
    expect(alice.untaken('Status')).toEqual([]);
  });
});

describe('orders are for the whole of a connection', () => {
  test('a client cannot dodge them with an empty bucket', async () => {
    const server = await startServer({
      'rate_limiting.connection_rps': '1',
      'rate_limiting.connection_burst': '3',
      'topics.rules': RULES,
    });
    const alice = await connect(server.port);
    const backend = await Backend.on(server);
    await subscribe(backend, 'secret.plan');
    await alice.status('subscribed');
    for (let at = 0; at < 5; at += 1) alice.send('Broadcast', { topic: 'chat.a', payload: at });
    await alice.waitFor(({ type, data }) => type === 'Error' && data.reason === 'rate_limited', 'the limit');
    await unsubscribe(backend, 'secret.plan');
    expect(await alice.status('unsubscribed')).toMatchObject({ topics: ['secret.plan'] });
  });

  test('they wait for a Subscribe that is under way, and come after it', async () => {
    const server = await startServer();
    const alice = await connect(server.port);
    const { router } = server.running.node.parts.context;
    const whenKept = router.whenKept.bind(router);
    let go = (): void => {};
    router.whenKept = (...given) => {
      router.whenKept = whenKept;
      go = () => whenKept(...given);
    };
    alice.send('Subscribe', { topics: [TOPIC] }, { id: 'slow' });
    const backend = await Backend.on(server);
    await eventually(() => server.running.node.connections[0]?.joining !== null, 'the request to wait');
    expect((await unsubscribe(backend, TOPIC)).body.connections).toBe(1);
    go();
    expect((await alice.replyTo('slow')).data.status).toBe('subscribed');
    expect(await alice.status('unsubscribed')).toEqual({ topics: [TOPIC], active_subscriptions: 0 });
    expect((await list(backend, 'alice')).body.connections[0]?.topics).toEqual([]);
  });
});

describe('refusals', () => {
  test.each([
    ['GET', '/api/connections', undefined, 'user: expected'],
    ['GET', '/api/connections?user=a&limit=1', undefined, 'limit'],
    ['POST', '/api/disconnect', {}, 'exactly one of'],
    ['POST', '/api/disconnect', { user: 'a', connection_id: 'b' }, 'exactly one of'],
    ['POST', '/api/disconnect', { user: 'a', code: 1000 }, 'code'],
    ['POST', '/api/disconnect', { user: 'a', reason: 'é'.repeat(62) }, '123 bytes'],
    ['POST', '/api/subscribe', { user: 'a', topics: [] }, 'topics'],
    ['POST', '/api/subscribe', { user: 'a', topics: Array.from({ length: 101 }, () => 'a') }, 'topics'],
    ['POST', '/api/unsubscribe', { topics: ['a'] }, 'user'],
    ['POST', '/api/unsubscribe', { user: 'a', topics: ['a'], more: 1 }, 'more'],
  ])('%s %s %j says what was expected', async (method, path, body, expected) => {
    const [a] = await oneNode();
    const answer = await (await Backend.on(a)).call<{ error: { message: string } }>(method, path, body);
    expect([answer.status, answer.body.error.message]).toEqual([400, expect.stringContaining(expected)]);
  });

  test('they are for backends: a token of the role user is refused, and each asking costs five tokens', async () => {
    const [a] = await oneNode();
    const user = await Backend.on(a, { roles: ['user'] });
    for (const [method, path] of [
      ['GET', '/api/connections?user=alice'],
      ['POST', '/api/disconnect'],
      ['POST', '/api/subscribe'],
      ['POST', '/api/unsubscribe'],
    ] as const)
      expect((await user.call(method, path)).status).toBe(403);
    const backend = await Backend.on(a);
    const { headers } = await backend.call('GET', '/api/connections?user=alice');
    const left = Number(headers.get('x-ratelimit-limit')) - Number(headers.get('x-ratelimit-remaining'));
    expect(left).toBeGreaterThan(3);
  });
});

describe('a node that does not answer', () => {
  test('is named, and the others have done it', async () => {
    const [a, b] = await twoNodes();
    const [here] = [await connect(a.port), await connect(b.port)];
    // It hears what the others say and is silent.
    Object.assign(b.running.storage.bus, { obey: () => {} });
    Object.assign(b.running.storage.views ?? {}, { received: () => {} });
    const backend = await Backend.on(a);
    const [listed, subscribed] = await Promise.all([list(backend, 'alice'), subscribe(backend, TOPIC)]);
    expect([listed.status, listed.body.total, listed.body.missed]).toEqual([
      200,
      1,
      [expect.stringMatching(/^b: did/)],
    ]);
    expect([subscribed.status, subscribed.body]).toEqual([
      207,
      { connections: 1, missed: [expect.stringMatching(/^b: did not answer/)], topics: [TOPIC], rejected: [] },
    ]);
    expect(await here.status('subscribed')).toMatchObject({ topics: [TOPIC] });
  });

  test('because Redis is away: what could be done is done, and the rest is named', async () => {
    const own = await startRedis();
    const a = await startServer({ 'redis.url': own.url });
    const alice = await connect(a.port);
    const backend = await Backend.on(a);
    await own.kill();
    await eventually(async () => (await list(backend, 'alice')).body.missed.length > 0, 'it to be known');
    const { status, body } = await backend.call('POST', '/api/disconnect', { user: 'alice' });
    expect([status, body]).toEqual([207, { connections: 1, missed: [expect.stringContaining('Redis is away')] }]);
    expect((await alice.closed).code).toBe(4107);
  });
});
