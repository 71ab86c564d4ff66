/** What a backend is told over real sockets: in order, at least once, whatever fails meanwhile. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { Backend } from '../harness/backend.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { freePort } from '../harness/free-port.ts';
import type { TestServer } from '../harness/server.ts';
import { startWebhookBackend, WebhookBackend, type BackendEvent } from '../harness/webhook-backend.ts';
import { queueDirectory, startWebhookServer } from '../harness/webhook-server.ts';

const TOLD = ['connected', 'disconnected', 'subscribed', 'unsubscribed', 'published'];

interface DeadLetters {
  readonly total: number;
  readonly dead_letters: readonly { readonly id: string; readonly reason: string; readonly event: BackendEvent }[];
}

async function deadLetters(server: TestServer): Promise<DeadLetters> {
  const shop = await Backend.on(server);
  const { status, body } = await shop.call<DeadLetters>('GET', '/apps/webhooks/dead-letters');
  expect(status).toBe(200);
  return body;
}

test('a connection is told from its beginning to its end, in order', async () => {
  const backend = await startWebhookBackend();
  const server = await startWebhookServer(backend, { tell: TOLD });
  const alice = await connect(server.port);
  await alice.subscribe('chat.1');
  await alice.publish('chat.1', { text: 'a secret' });
  await alice.ask('Unsubscribe', { topics: ['chat.1'] });
  await alice.close(1000);
  const events = await backend.told(5);
  const ofConnection = events.filter(({ type }) => type !== 'published');
  expect(ofConnection.map(({ type }) => type)).toEqual(['connected', 'subscribed', 'unsubscribed', 'disconnected']);
  expect(new Set(ofConnection.map(({ connection }) => connection?.id)).size).toBe(1);
  expect(ofConnection).toMatchObject([
    { node: 'test-node', connection: { user: 'alice', address: '127.0.0.1' } },
    { topic: 'chat.1' },
    { topic: 'chat.1' },
    { code: 1000 },
  ]);
  const published = events.find(({ type }) => type === 'published');
  expect(published).toMatchObject({ user: 'alice', topic: 'chat.1', message: { position: { sequence: 1 } } });
  expect(JSON.stringify(events)).not.toContain('a secret');
  expect(new Set(events.map(({ id }) => id)).size).toBe(5);
  expect(backend.refusedSignatures).toEqual([]);
});

test('what was published is told with its payload where that is wanted, for the topics that are', async () => {
  const backend = await startWebhookBackend();
  const server = await startWebhookServer(backend, {
    tell: ['published', 'subscribed'],
    tell_topics: ['chat.*'],
    tell_payloads: true,
  });
  const alice = await connect(server.port);
  await alice.subscribe('news', 'chat.1');
  await alice.publish('news', 1);
  await alice.publish('chat.1', { deep: [1, { '}': '"' }] });
  const events = await backend.told(2);
  expect(events).toMatchObject([
    { type: 'subscribed', topic: 'chat.1' },
    { type: 'published', message: { payload: { deep: [1, { '}': '"' }] } } },
  ]);
});

test('of many connections each is told in order, in batches', async () => {
  const backend = await startWebhookBackend();
  const server = await startWebhookServer(backend, { tell: TOLD, batch_events: 20 });
  await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const client = await connect(server.port, { user: `user-${n}` });
      for (const topic of ['a', 'b', 'c']) await client.subscribe(topic);
      await client.close();
    }),
  );
  const events = await backend.told(100);
  const byConnection = Map.groupBy(events, ({ connection }) => connection?.id);
  expect(byConnection.size).toBe(20);
  for (const told of byConnection.values())
    expect(told.map(({ type, topic }) => topic ?? type)).toEqual(['connected', 'a', 'b', 'c', 'disconnected']);
  expect(backend.ofType('events').length).toBeLessThan(60);
});

test('a server that starts says so: connections of its last run are gone', async () => {
  const backend = await startWebhookBackend();
  await startWebhookServer(backend, { tell: ['node_started', 'connected'] });
  expect(await backend.told(1)).toMatchObject([{ type: 'node_started', node: 'test-node' }]);
});

describe('a backend that fails', () => {
  test('gets everything when it is back, in order', async () => {
    const port = await freePort();
    const server = await startWebhookServer({ url: `http://127.0.0.1:${port}/` }, { tell: TOLD });
    const alice = await connect(server.port);
    for (const topic of ['a', 'b']) await alice.subscribe(topic);
    await eventually(async () => (await server.metric('signalbox_webhooks_event_retries_total')) > 1, 'attempts');
    expect(await server.metric('signalbox_webhooks_queue_events')).toBe(3);
    const backend = await new WebhookBackend().listen(port);
    onTestFinished(() => backend.close());
    expect((await backend.told(3)).map(({ type, topic }) => topic ?? type)).toEqual(['connected', 'a', 'b']);
    await eventually(async () => (await server.metric('signalbox_webhooks_queue_events')) === 0, 'an empty queue');
    expect((await deadLetters(server)).total).toBe(0);
  });

  test.each([
    ['answers 500', 500],
    ['redirects', 302],
    ['does not know us', 401],
  ])('and %s gets the same events again', async (_, status) => {
    let failures = 0;
    const backend = await startWebhookBackend((_call, response) => {
      failures += 1;
      if (failures > 3) return {};
      response.writeHead(status, { location: '/elsewhere' }).end();
      return undefined;
    });
    const server = await startWebhookServer(backend, { tell: ['connected'] });
    await connect(server.port);
    expect(await backend.told(1)).toMatchObject([{ type: 'connected' }]);
    const attempts = backend.ofType('events');
    expect(attempts).toHaveLength(4);
    expect(new Set(attempts.map(({ id }) => id)).size, 'one id for all attempts').toBe(1);
  });

  test('and resets the connection, or is too slow, gets them again', async () => {
    let calls = 0;
    const backend = await startWebhookBackend((_call, _response, request) => {
      calls += 1;
      if (calls === 1) request.socket.resetAndDestroy();
      return calls > 2 ? {} : undefined;
    });
    const server = await startWebhookServer(backend, { tell: ['connected'], tell_timeout_ms: 300 });
    await connect(server.port);
    await backend.told(1);
    expect(calls).toBe(3);
  });

  test('on one event has it as a dead letter with the reason; the others come, and it can be replayed', async () => {
    let isBroken = true;
    const backend = await startWebhookBackend(({ data }, response) => {
      const events = data['events'] as BackendEvent[];
      if (!isBroken || !events.some(({ topic }) => topic === 'b')) return {};
      response.writeHead(422).end();
      return undefined;
    });
    const server = await startWebhookServer(backend, { tell: ['subscribed'] });
    const alice = await connect(server.port);
    await alice.subscribe('a', 'b', 'c');
    expect((await backend.told(2)).map(({ topic }) => topic)).toEqual(['a', 'c']);
    const { dead_letters: letters } = await deadLetters(server);
    expect(letters).toMatchObject([{ reason: 'rejected: status 422', event: { topic: 'b' } }]);
    expect(await server.metric('signalbox_webhooks_dead_letters')).toBe(1);
    isBroken = false;
    const shop = await Backend.on(server);
    const replayed = await shop.call('POST', '/apps/webhooks/dead-letters/replay', { ids: [letters[0]?.id] });
    expect(replayed.body).toMatchObject({ replayed: 1 });
    expect((await backend.told(3)).map(({ topic }) => topic)).toEqual(['a', 'c', 'b']);
    expect((await deadLetters(server)).total).toBe(0);
  });
});

test('operators see dead letters, of one node or all, and have them delivered again', async () => {
  const backend = await startWebhookBackend((call, response) => {
    if (call.type !== 'events' || isMended) return {};
    response.writeHead(400).end();
    return undefined;
  });
  let isMended = false;
  const server = await startWebhookServer(
    backend,
    { tell: ['connected'] },
    { 'admin.token': ADMIN_TOKEN, 'server.node_name': 'n1' },
  );
  await connect(server.port);
  await eventually(async () => (await server.metric('signalbox_webhooks_dead_letters')) === 1, 'a dead letter');
  const admin = new Admin(server.port);
  const own = await admin.get('/admin/apps/dead-letters?app=webhooks');
  const letter = { reason: 'rejected: status 400', event: { type: 'connected' } };
  expect(own.body).toMatchObject({ node: 'n1', app: 'webhooks', total: 1, dead_letters: [letter] });
  expect((await admin.get('/admin/apps/dead-letters?app=webhooks&node=*')).body).toMatchObject({
    nodes: [{ node: 'n1', problem: null, total: 1, dead_letters: [letter] }],
  });
  expect((await admin.get('/admin/apps/dead-letters?app=poll')).body).toMatchObject({
    error: { reason: 'not_found', message: 'expected an application that keeps dead letters (webhooks), got "poll"' },
  });
  expect((await admin.get('/admin/apps/dead-letters?app=webhooks&limit=0')).status).toBe(400);
  isMended = true;
  const replay = (body: object): ReturnType<Admin['post']> => admin.post('/admin/apps/dead-letters/replay', body);
  expect((await replay({ app: 'poll' })).status).toBe(404);
  expect((await replay({ app: 'webhooks', dry_run: true })).body).toMatchObject({ applied: false });
  expect((await replay({ app: 'webhooks' })).body).toMatchObject({ applied: true, nodes: [{ node: 'n1' }] });
  await backend.told(1);
  expect((await admin.get('/admin/apps/dead-letters?app=webhooks')).body).toMatchObject({ total: 0 });
});

test('a queue that is full drops the oldest: counted, and kept as dead letters', async () => {
  const server = await startWebhookServer(
    { url: `http://127.0.0.1:${await freePort()}/` },
    { tell: ['subscribed'], queue_events: 10 },
  );
  const alice = await connect(server.port);
  for (let n = 0; n < 25; n += 1) await alice.subscribe(`topic-${n}`);
  await eventually(async () => (await server.metric('signalbox_webhooks_events_dropped_total')) === 15, '15 dropped');
  expect(await server.metric('signalbox_webhooks_queue_events')).toBe(10);
  const { dead_letters: letters } = await deadLetters(server);
  expect(letters).toHaveLength(15);
  expect(letters[0]).toMatchObject({ event: { topic: 'topic-14' }, reason: expect.stringContaining('full') as string });
  expect(await (await server.get('/health')).text()).toMatch(/will give way|takes no events/);
});

test('dead letters are shown to no tenant', async () => {
  const backend = await startWebhookBackend();
  const server = await startWebhookServer(backend, { tell: ['subscribed'] });
  const tenant = await Backend.on(server, { claims: { tenant: 'acme' } });
  expect((await tenant.call('GET', '/apps/webhooks/dead-letters')).status).toBe(403);
  const user = await Backend.on(server, { roles: ['user'] });
  expect((await user.call('GET', '/apps/webhooks/dead-letters')).status).toBe(403);
});

test('what a server could not deliver, the next one does: also the ends of its connections', async () => {
  const port = await freePort();
  const section = { tell: TOLD, queue_dir: queueDirectory() };
  const first = await startWebhookServer({ url: `http://127.0.0.1:${port}/` }, section);
  await (await connect(first.port)).subscribe('a');
  await first.stop();
  const backend = await new WebhookBackend().listen(port);
  onTestFinished(() => backend.close());
  await startWebhookServer(backend, section);
  expect((await backend.told(3)).map(({ type }) => type)).toEqual(['connected', 'subscribed', 'disconnected']);
});

test('a directory that cannot be had stops the start, with the reason', async () => {
  const section = { tell: TOLD, queue_dir: '/dev/null/queue' };
  await expect(startWebhookServer({ url: 'http://127.0.0.1:1/' }, section)).rejects.toThrow(/webhooks.*ENOTDIR/s);
});
