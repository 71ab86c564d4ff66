/** Polls and single frames over HTTP, beside what test/delivery.test.ts shows of all ways: docs/http-streams.md. */
import { describe, expect, test } from 'vitest';
import { connect } from './harness/client.ts';
import { eventually, within } from './harness/deadline.ts';
import { openStream } from './harness/event-stream.ts';
import type { Frame } from './harness/frames.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { tokenOf, type TokenOptions } from './harness/tokens.ts';
import { poll } from './harness/ways.ts';

const TOPIC = 'chat.lobby';

async function post(
  server: TestServer,
  path: string,
  body: unknown,
  options: TokenOptions & { readonly token?: string; readonly signal?: AbortSignal } = {},
): Promise<{ readonly status: number; readonly body: unknown }> {
  const token = options.token ?? (await tokenOf('alice', options));
  const request = fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(options.signal !== undefined && { signal: options.signal }),
  });
  const response = await within(request, `the answer to ${path}`);
  return { status: response.status, body: await response.json() };
}

async function framesTo(server: TestServer, frames: unknown): Promise<readonly Frame[]> {
  const { status, body } = await post(server, '/frames', frames);
  expect(status).toBe(200);
  return body as Frame[];
}

describe('a poll', () => {
  test('waits for news, and nothing of it stays', async () => {
    const server = await startServer();
    const publisher = await connect(server.port, { user: 'publisher' });
    const first = await poll(server.port, 'alice', { topics: [TOPIC], wait_ms: 0 });
    expect(first).toMatchObject({
      items: [],
      gaps: [],
      positions: { [TOPIC]: { sequence: 0 } },
      rejected: [],
      unavailable: [],
    });
    const position = first.positions[TOPIC];
    const waiting = poll(server.port, 'alice', { topics: [{ topic: TOPIC, ...position }], wait_ms: 20_000 });
    await eventually(() => server.connections === 2, 'the poll to wait');
    expect((await server.samples('signalbox_connections')).filter(({ value }) => value > 0)).toMatchObject([
      { transport: 'websocket' },
      { transport: 'poll' },
    ]);
    await publisher.publish(TOPIC, 'news');
    const { items, positions } = await within(waiting, 'news');
    expect(items.map(({ data }) => data.payload)).toEqual(['news']);
    expect(positions[TOPIC]?.sequence).toBe(1);
    await eventually(() => server.connections === 1, 'the poll to be forgotten');
  });

  test('answers what was missed even when it does not want to wait, and no more than it asks for', async () => {
    const server = await startServer();
    const publisher = await connect(server.port, { user: 'publisher' });
    const { positions } = await poll(server.port, 'alice', { topics: [TOPIC], wait_ms: 0 });
    await publisher.publishAll(TOPIC, [1, 2, 3]);
    const topics = [{ topic: TOPIC, ...positions[TOPIC] }];
    const some = await poll(server.port, 'alice', { topics, wait_ms: 0, max: 2 });
    expect(some.items.map(({ data }) => data.payload)).toEqual([1, 2]);
    const rest = await poll(server.port, 'alice', { topics: [{ topic: TOPIC, ...some.positions[TOPIC] }], wait_ms: 0 });
    expect(rest.items.map(({ data }) => data.payload)).toEqual([3]);
  });

  test('says which topics it cannot have', async () => {
    const server = await startServer({
      'topics.rules': '[{"pattern":"typing.**","history":0},{"pattern":"secret.**","subscribe":["admin"]}]',
    });
    const { unavailable, rejected, positions } = await poll(server.port, 'alice', {
      topics: [TOPIC, 'typing.a', 'secret.a'],
    });
    expect(unavailable).toEqual([{ topic: 'typing.a', reason: 'no_history' }]);
    expect(rejected).toMatchObject([{ topic: 'secret.a', reason: 'not_allowed' }]);
    expect(Object.keys(positions)).toEqual([TOPIC]);
  });

  test('ends with its client, its token, and its node', async () => {
    const server = await startServer({ 'auth.leeway_secs': '0' });
    const aborting = new AbortController();
    const gone = post(server, '/poll', { topics: [TOPIC] }, { signal: aborting.signal }).catch(() => 'gone');
    await eventually(() => server.connections === 1, 'the poll');
    aborting.abort();
    expect(await gone).toBe('gone');
    await eventually(() => server.connections === 0, 'the node to notice');

    const expiring = post(server, '/poll', { topics: [TOPIC] }, { expiresIn: 1 });
    const beating = setInterval(() => server.beat(), 5);
    expect(await expiring.finally(() => clearInterval(beating))).toMatchObject({
      status: 401,
      body: { error: { reason: 'token_expired' } },
    });

    const drained = post(server, '/poll', { topics: [TOPIC] });
    await eventually(() => server.connections === 1, 'the poll');
    const stopping = server.stop();
    expect(await drained).toMatchObject({
      status: 200,
      body: { items: [], reconnect_after_ms: expect.any(Number) as number },
    });
    await stopping;
  });

  test('is refused before anything begins', async () => {
    const server = await startServer();
    const statuses: number[] = [];
    for (const body of [
      'nonsense',
      {},
      { topics: [] },
      { topics: ['a.*'] },
      { topics: ['a'], wait_ms: -1 },
      { topics: ['a'], wait_ms: 25_001 },
      { topics: ['a'], max: 0 },
    ])
      statuses.push((await post(server, '/poll', body)).status);
    statuses.push((await post(server, '/poll', { topics: ['a'] }, { token: 'nonsense' })).status);
    expect(statuses).toEqual([400, 400, 400, 400, 400, 400, 400, 401]);
    expect(server.connections).toBe(0);
    server.running.node.parts.context.users.sweep(Infinity);
    expect(server.running.node.parts.context.users.size).toBe(0);
  });
});

describe('frames', () => {
  const publish = (id: string, payload: unknown, key = id): object => ({
    type: 'Broadcast',
    id,
    data: { topic: TOPIC, payload, idempotency_key: key },
  });

  test('are answered in order, as on a connection', async () => {
    const server = await startServer();
    const reader = await connect(server.port, { user: 'reader' });
    await reader.subscribe(TOPIC, '@me');
    const answers = await framesTo(server, [
      { type: 'Ping', id: 'p', data: {} },
      publish('1', { a: 1 }),
      { type: 'DirectMessage', id: 'd', data: { target_user: 'reader', payload: 'psst', idempotency_key: 'd' } },
      publish('2', 'two'),
      { type: 'History', id: 'h', data: { topic: TOPIC, limit: 10 } },
    ]);
    expect(answers.map((answer) => [answer.type, answer.reply_to])).toEqual([
      ['Pong', 'p'],
      ['Ack', '1'],
      ['Ack', 'd'],
      ['Ack', '2'],
      ['Status', 'h'],
    ]);
    expect(answers[4]?.data.details).toMatchObject({
      messages: [{ data: { payload: { a: 1 } } }, { data: { payload: 'two' } }],
    });
    expect((await reader.take(2)).map(({ data }) => data.payload)).toEqual([{ a: 1 }, 'two']);
    expect((await reader.next('DirectMessage')).data.payload).toBe('psst');
    await eventually(() => server.connections === 1, 'nothing to stay');
  });

  test('tell who is there, and a stream hears of who comes', async () => {
    const server = await startServer({
      'topics.rules': '[{"pattern":"chat.**","presence":"user"}]',
      'presence.batch_ms': '20',
    });
    const stream = await openStream(server.port, { query: { topics: `@presence.${TOPIC}` } });
    await stream.subscribed();
    const ada = await connect(server.port, { user: 'ada' });
    await ada.ask('Presence', { topic: TOPIC, action: 'enter' });
    const { data } = await stream.next('Broadcast');
    expect([data.topic, data.payload]).toEqual([
      `@presence.${TOPIC}`,
      { changes: [{ op: 'enter', user: 'ada', data: {} }], count: 1 },
    ]);
    const [answer] = await framesTo(server, [{ type: 'PresenceGet', id: 'g', data: { topic: TOPIC } }]);
    expect([answer?.reply_to, answer?.data.details]).toMatchObject(['g', { count: 1, members: [{ user: 'ada' }] }]);
    const again = await openStream(server.port, {
      query: { topics: `@presence.${TOPIC}` },
      headers: { 'last-event-id': stream.lastId },
    });
    expect((await again.subscribed()).recovery).toEqual({ [`@presence.${TOPIC}`]: { recovered: true, missed: 0 } });
  });

  test('that are repeated are stored once', async () => {
    const server = await startServer();
    const [first] = await framesTo(server, [publish('1', 'once', 'key')]);
    const [second] = await framesTo(server, [publish('9', 'once', 'key')]);
    expect([first?.data.sequence, second?.data.sequence, second?.data.status]).toEqual([1, 1, 'duplicate']);
  });

  test('of which some are wrong are refused one by one', async () => {
    const server = await startServer({ 'topics.rules': '[{"pattern":"secret.**","publish":["admin"]}]' });
    const answers = await framesTo(server, [
      { type: 'Subscribe', id: 's', data: { topics: [TOPIC] } },
      { type: 'Broadcast', id: 'k', data: { topic: TOPIC, payload: 1 } },
      { type: 'Broadcast', data: { topic: TOPIC, payload: 1, idempotency_key: 'x' } },
      publish('1', 'good'),
      publish('1', 'the same id'),
      { type: 'Broadcast', id: 'n', data: { topic: 'secret.a', payload: 1, idempotency_key: 'n' } },
      5,
      null,
      { type: 'Ping', id: 'y'.repeat(100) },
      publish('2', 'good'),
    ]);
    expect(answers.map(({ type, data }) => (type === 'Error' ? data.reason : type))).toEqual([
      'unknown_type',
      'invalid_field',
      'invalid_field',
      'Ack',
      'invalid_field',
      'not_allowed',
      'unknown_type',
      'unknown_type',
      'invalid_field',
      'Ack',
    ]);
  });

  test('are paid for: a user over its rate is told frame by frame', async () => {
    const server = await startServer({ 'rate_limiting.user_rps': '0.01', 'rate_limiting.user_burst': '3' });
    const answers = await framesTo(
      server,
      Array.from({ length: 6 }, (_, at) => publish(String(at), at)),
    );
    expect(answers.map(({ type }) => type)).toEqual(['Ack', 'Ack', 'Ack', 'Error', 'Error', 'Error']);
    expect(answers[5]?.data).toMatchObject({ reason: 'rate_limited', temporary: true });
  });

  test('take no place of a connection', async () => {
    const server = await startServer({ 'websocket.max_connections_per_user': '1' });
    await connect(server.port);
    expect((await framesTo(server, [publish('1', 1)])).map(({ type }) => type)).toEqual(['Ack']);
    expect((await framesTo(server, [publish('2', 1)])).map(({ type }) => type)).toEqual(['Ack']);
  });

  test.each(['nonsense', {}, [], Array.from({ length: 101 }, () => 1)])('%j are no frames', async (body) => {
    const server = await startServer();
    expect((await post(server, '/frames', body)).status).toBe(400);
    expect(server.connections).toBe(0);
  });
});
