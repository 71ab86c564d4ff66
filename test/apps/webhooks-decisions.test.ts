/** Decisions of a backend over real sockets: who connects, subscribes and publishes, and frames that it answers. */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Backend } from '../harness/backend.ts';
import { connect, dial } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { freePort } from '../harness/free-port.ts';
import { startWebhookBackend, WebhookBackend, type Behaviour } from '../harness/webhook-backend.ts';
import { startWebhookServer } from '../harness/webhook-server.ts';

const CHAT = { topics: ['chat.**'] };

/** Answers by the type of the question; everything else is allowed. */
function answering(answers: Readonly<Record<string, Behaviour>>): Behaviour {
  return (call, response, request) => (answers[call.type] ?? (() => ({ allow: true })))(call, response, request);
}

describe('connecting', () => {
  test('the backend hears who it is, and adds subscriptions', async () => {
    const backend = await startWebhookBackend(() => ({ allow: true, subscribe: ['room.1', 'room.2'] }));
    const server = await startWebhookServer(backend, { ask: ['connecting'] });
    const alice = await connect(server.port);
    expect(backend.calls).toMatchObject([
      { type: 'connecting', data: { tenant: '', user: 'alice', roles: ['user'], address: '127.0.0.1' } },
    ]);
    const bob = await connect(server.port, { user: 'bob' });
    await bob.publish('room.2', 'hello');
    expect((await alice.next('Broadcast')).data).toMatchObject({ topic: 'room.2', payload: 'hello' });
  });

  test('a no is a refused handshake, with the words of the backend', async () => {
    const backend = await startWebhookBackend(() => ({
      allow: false,
      message: 'the contract has ended',
      code: 'ended',
    }));
    const server = await startWebhookServer(backend, { ask: ['connecting'] });
    const client = await dial(server.port);
    await expect(client.opened).rejects.toThrow();
    expect(server.connections).toBe(0);
  });

  test('without an answer it is refused for now, or admitted where that is said', async () => {
    const url = `http://127.0.0.1:${await freePort()}/`;
    const refusing = await startWebhookServer({ url }, { ask: ['connecting'] });
    await expect((await dial(refusing.port)).opened).rejects.toThrow();
    expect(await refusing.samples('signalbox_connections_refused_total')).toMatchObject([
      { reason: 'rights_unavailable', value: 1 },
    ]);
    const allowing = await startWebhookServer({ url }, { ask: ['connecting'], connecting_when_down: 'allow' });
    await connect(allowing.port);
  });

  test('subscriptions that are none make the answer none', async () => {
    const backend = await startWebhookBackend(() => ({ allow: true, subscribe: ['room.1', '**'] }));
    const server = await startWebhookServer(backend, { ask: ['connecting'] });
    await expect((await dial(server.port)).opened).rejects.toThrow();
    expect(await server.metric('signalbox_webhooks_asked_wrong_total')).toBe(1);
  });

  test('an answer is remembered for its seconds', async () => {
    const backend = await startWebhookBackend(() => ({ allow: true, remember_secs: 60 }));
    const server = await startWebhookServer(backend, { ask: ['connecting'] });
    await connect(server.port);
    await connect(server.port);
    await connect(server.port, { user: 'bob' });
    expect(backend.calls.map(({ data }) => data['user'])).toEqual(['alice', 'bob']);
  });
});

describe('subscribing', () => {
  test('the backend decides instead of the rules, with a code for the client', async () => {
    const backend = await startWebhookBackend(({ data }) =>
      data['topic'] === 'chat.1' ? { allow: true } : { allow: false, message: 'not a member', code: 'not_a_member' },
    );
    const server = await startWebhookServer(
      backend,
      { ask: ['subscribing'], ...CHAT },
      { 'topics.subscribe': 'nobody' },
    );
    const client = await connect(server.port);
    expect(await client.subscribe('chat.1', 'chat.2', 'news')).toMatchObject({
      topics: ['chat.1'],
      rejected: [
        { topic: 'news', reason: 'not_allowed' },
        { topic: 'chat.2', reason: 'not_allowed', message: 'not a member' },
      ],
    });
    expect(backend.calls.map(({ data }) => data['topic'])).toEqual(['chat.1', 'chat.2']);
  });

  test('a pattern is asked for as one, and the claim of a token narrows what the backend allows', async () => {
    const backend = await startWebhookBackend();
    const server = await startWebhookServer(backend, { ask: ['subscribing'], ...CHAT });
    const client = await connect(server.port, { claims: { topics: { subscribe: ['chat.a.**'], publish: [] } } });
    expect(await client.subscribe('chat.a.*', 'chat.b')).toMatchObject({
      topics: ['chat.a.*'],
      rejected: [{ topic: 'chat.b', reason: 'not_allowed' }],
    });
    expect(backend.calls.map(({ data }) => [data['topic'], data['is_pattern']])).toEqual([['chat.a.*', true]]);
  });

  test('publishing stays with the rules when only subscribing is asked', async () => {
    const backend = await startWebhookBackend();
    const server = await startWebhookServer(backend, { ask: ['subscribing'], ...CHAT }, { 'topics.publish': 'admin' });
    const client = await connect(server.port);
    expect((await client.publish('chat.1', 1)).data).toMatchObject({ reason: 'not_allowed' });
    expect(backend.calls).toEqual([]);
  });

  test('an answer without seconds is asked for every time, one with them is not', async () => {
    let answer: object = { allow: true };
    const backend = await startWebhookBackend(() => answer);
    const server = await startWebhookServer(backend, { ask: ['subscribing'], ...CHAT });
    const client = await connect(server.port);
    const again = async (): Promise<void> => {
      await client.subscribe('chat.1');
      await client.ask('Unsubscribe', { topics: ['chat.1'] });
    };
    await again();
    answer = { allow: true, remember_secs: 60 };
    await again();
    await again();
    expect(backend.calls).toHaveLength(2);
  });

  test('an answer that cannot be used is a refusal for now, even where the backend may be down', async () => {
    const backend = await startWebhookBackend(() => ({ allowed: true }));
    const server = await startWebhookServer(backend, { ask: ['subscribing'], subscribing_when_down: 'allow', ...CHAT });
    const client = await connect(server.port);
    expect(await client.subscribe('chat.1')).toMatchObject({ rejected: [{ reason: 'rights_unavailable' }] });
    expect(await server.metric('signalbox_webhooks_asked_wrong_total')).toBe(1);
  });

  test('while the backend thinks, other connections are served', async () => {
    let answer: (value: object) => void = () => {};
    const backend = await startWebhookBackend(() => new Promise((resolve) => (answer = resolve)));
    const server = await startWebhookServer(
      backend,
      { ask: ['subscribing'], timeout_ms: 10_000, ...CHAT },
      { 'apps.decision_timeout_ms': '15000' },
    );
    const slow = await connect(server.port);
    const waiting = slow.subscribe('chat.1');
    await eventually(() => backend.calls.length === 1, 'the question');
    const other = await connect(server.port, { user: 'bob' });
    await other.subscribe('news');
    answer({ allow: true });
    expect(await waiting).toMatchObject({ topics: ['chat.1'] });
  });

  test('rights that have changed end the subscription', async () => {
    let isMember = true;
    const backend = await startWebhookBackend(() => ({ allow: isMember, remember_secs: 600 }));
    const server = await startWebhookServer(backend, { ask: ['subscribing'], ...CHAT });
    const client = await connect(server.port);
    await client.subscribe('chat.1');
    isMember = false;
    const shop = await Backend.on(server);
    const { status } = await shop.call('POST', '/apps/webhooks/rights-changed', { user: 'alice' });
    expect(status).toBe(202);
    await client.status('unsubscribed');
    expect(await client.subscribe('chat.1')).toMatchObject({ rejected: [{ reason: 'not_allowed' }] });
  });
});

describe('presence', () => {
  const PRESENT = { 'topics.presence': 'user', 'presence.enter': 'nobody', 'presence.read': 'nobody' };

  test('the backend decides who enters, reads and counts, instead of the roles', async () => {
    const backend = await startWebhookBackend(({ data }) =>
      data['right'] === 'read' ? { allow: false, code: 'not_a_member' } : { allow: true },
    );
    const server = await startWebhookServer(backend, { ask: ['presence'], ...CHAT }, PRESENT);
    const client = await connect(server.port);
    const entered = await client.ask('Presence', { topic: 'chat.1', action: 'enter' });
    expect(entered).toMatchObject({ type: 'Status', data: { details: { count: 1 } } });
    const { data } = await client.ask('PresenceGet', { topic: 'chat.1' });
    expect(data.details).toEqual({ topic: 'chat.1', count: 1, position: expect.anything() as unknown });
    const { rejected } = await client.subscribe('@presence.chat.1');
    expect(rejected).toMatchObject([{ reason: 'not_allowed', details: { code: 'not_a_member' } }]);
    const asked = backend.calls.map(({ type, data: about }) => [type, about['topic'], about['right']].join(' '));
    expect(asked).toEqual(['enter', 'read', 'count', 'read'].map((right) => `presence chat.1 ${right}`));
  });

  test('stays with the roles when only subscribing is asked, and a no is for now when the backend is away', async () => {
    const backend = await startWebhookBackend(() => ({ allowed: true }));
    const server = await startWebhookServer(backend, { ask: ['presence'], ...CHAT }, PRESENT);
    const client = await connect(server.port);
    const enter = async (to: typeof client) =>
      (await to.ask('Presence', { topic: 'chat.1', action: 'enter' })).data.reason;
    expect(await enter(client)).toBe('rights_unavailable');
    const other = await startWebhookServer(backend, { ask: ['subscribing'], ...CHAT }, PRESENT);
    expect(await enter(await connect(other.port))).toBe('not_allowed');
  });
});

describe('publishing', () => {
  test('the backend sees the message, and may change it', async () => {
    const backend = await startWebhookBackend(({ data }) => ({
      allow: true,
      payload: { text: (data['payload'] as { readonly text: string }).text.replace('darn', '****') },
    }));
    const server = await startWebhookServer(backend, { ask: ['publishing'], ...CHAT });
    const client = await connect(server.port);
    await client.subscribe('chat.1');
    await client.publish('chat.1', { text: 'darn it' });
    expect((await client.next('Broadcast')).data).toMatchObject({ payload: { text: '**** it' } });
    expect(backend.calls).toMatchObject([{ data: { user: 'alice', topic: 'chat.1', payload: { text: 'darn it' } } }]);
  });

  test('a no is an Error to the sender, and nothing is published', async () => {
    const backend = await startWebhookBackend(() => ({ allow: false, message: 'be nice', code: 'language' }));
    const server = await startWebhookServer(backend, { ask: ['publishing'], ...CHAT });
    const client = await connect(server.port);
    await client.subscribe('chat.1');
    expect((await client.publish('chat.1', 'x')).data).toMatchObject({
      reason: 'not_allowed',
      message: 'be nice',
      details: { code: 'language' },
    });
    await delay(50);
    expect(client.untaken('Broadcast')).toEqual([]);
  });

  test('messages of one sender keep their order, however long each answer takes', async () => {
    const backend = await startWebhookBackend(async ({ data }) => {
      await delay((data['payload'] as number) % 3 === 0 ? 30 : 1);
      return { allow: true };
    });
    const server = await startWebhookServer(backend, { ask: ['publishing'], ...CHAT });
    const reader = await connect(server.port, { user: 'bob' });
    await reader.subscribe('chat.1');
    const client = await connect(server.port);
    for (let n = 0; n < 12; n += 1) client.send('Broadcast', { topic: 'chat.1', payload: n });
    const frames = await reader.take(12);
    expect(frames.map(({ data }) => data['payload'])).toEqual(Array.from({ length: 12 }, (_, n) => n));
  });

  test('the backend decides instead of the rules', async () => {
    const backend = await startWebhookBackend();
    const server = await startWebhookServer(backend, { ask: ['publishing'], ...CHAT }, { 'topics.publish': 'nobody' });
    const client = await connect(server.port);
    expect((await client.publish('chat.1', 1)).type).toBe('Ack');
    expect((await client.publish('news', 1)).data).toMatchObject({ reason: 'not_allowed' });
  });

  test('the HTTP API asks too', async () => {
    const backend = await startWebhookBackend(() => ({ allow: false }));
    const server = await startWebhookServer(backend, { ask: ['publishing'], ...CHAT });
    const shop = await Backend.on(server);
    expect((await shop.post({ topic: 'chat.1', payload: 1 })).status).toBe(403);
    expect((await shop.post({ topic: 'news', payload: 1 })).status).toBe(200);
  });

  test('when the backend is down it is refused, or accepted where that is said', async () => {
    const url = `http://127.0.0.1:${await freePort()}/`;
    const refusing = await startWebhookServer({ url }, { ask: ['publishing'], ...CHAT });
    const client = await connect(refusing.port);
    expect((await client.publish('chat.1', 1)).data).toMatchObject({ code: 503, reason: 'rights_unavailable' });
    const allowing = await startWebhookServer({ url }, { ask: ['publishing'], publishing_when_down: 'allow', ...CHAT });
    const other = await connect(allowing.port);
    expect((await other.publish('chat.1', 1)).type).toBe('Ack');
  });
});

describe('frames', () => {
  test('the backend answers those that are its', async () => {
    const backend = await startWebhookBackend(
      answering({ frame: ({ data }) => ({ allow: true, data: { order: 17, got: data['data'] } }) }),
    );
    const server = await startWebhookServer(backend, { frames: ['X-Order'] });
    const client = await connect(server.port);
    const reply = await client.ask('X-Order', { item: 'tea' }, { id: 'o-1' });
    expect(reply.data).toMatchObject({ details: { order: 17, got: { item: 'tea' } } });
    expect(backend.calls).toMatchObject([{ type: 'frame', data: { frame: 'X-Order', id: 'o-1', user: 'alice' } }]);
    expect((await client.ask('X-Other', {})).data).toMatchObject({ reason: 'not_found' });
  });

  test('of a family all go through, but those that are taken by themselves', async () => {
    const backend = await startWebhookBackend(({ data }) => ({ allow: true, data: { was: data['frame'] } }));
    const server = await startWebhookServer(backend, { frames: ['X-Shop-*'] });
    const client = await connect(server.port);
    for (const type of ['X-Shop-Order', 'X-Shop-Cart-Add'])
      expect((await client.ask(type, {})).data).toMatchObject({ details: { was: type } });
    for (const type of ['X-Shop', 'X-Shopping', 'X-Other-Shop'])
      expect((await client.ask(type, {})).data, type).toMatchObject({ reason: 'not_found' });
  });

  test('a no, and no answer, are Errors to that caller alone', async () => {
    const backend = await startWebhookBackend((_call, response) => {
      response.writeHead(500).end();
    });
    const server = await startWebhookServer(backend, { frames: ['X-Order'] });
    const client = await connect(server.port);
    expect((await client.ask('X-Order', {})).data).toMatchObject({ code: 503, reason: 'application_timeout' });
    backend.behaviour = () => ({ allow: false, message: 'sold out', code: 'sold_out' });
    expect((await client.ask('X-Order', {})).data).toMatchObject({
      message: 'sold out',
      details: { code: 'sold_out' },
    });
  });
});

test('a backend that is away at the start is asked as soon as it is there, and health says so meanwhile', async () => {
  const port = await freePort();
  const server = await startWebhookServer(
    { url: `http://127.0.0.1:${port}/` },
    { ask: ['subscribing'], breaker_failures: 2, breaker_open_ms: 200, ...CHAT },
  );
  const client = await connect(server.port);
  for (let n = 0; n < 3; n += 1)
    expect(await client.subscribe('chat.1')).toMatchObject({ rejected: [{ reason: 'rights_unavailable' }] });
  expect(await (await server.get('/health')).text()).toMatch(/circuit breaker is open/);
  const backend = await new WebhookBackend().listen(port);
  onTestFinished(() => backend.close());
  await eventually(async () => (await client.subscribe('chat.1')).topics.length === 1, 'the backend to be asked');
  expect(await (await server.get('/health')).text()).not.toMatch(/circuit breaker/);
});
