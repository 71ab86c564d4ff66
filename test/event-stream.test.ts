/** Streams of events over real sockets, beside what test/delivery.test.ts shows of all ways: docs/http-streams.md. */
import { describe, expect, test } from 'vitest';
import { connect } from './harness/client.ts';
import { eventually, within } from './harness/deadline.ts';
import { askForStream, openStream, type EventStreamClient } from './harness/event-stream.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';
import { Backend } from './harness/backend.ts';

const TOPIC = 'chat.lobby';
const FOREIGN_ORIGIN = { origin: 'https://evil.example' };

async function statusOf(server: TestServer, options: Parameters<typeof askForStream>[1]): Promise<number> {
  const response = await askForStream(server.port, options);
  response.resume();
  return response.statusCode ?? 0;
}

/** A second of the node's life at a time, until the stream says what is waited for. */
async function beatUntil<T>(server: TestServer, awaited: Promise<T>): Promise<T> {
  const beating = setInterval(() => server.beat(), 2);
  return awaited.finally(() => clearInterval(beating));
}

describe('a stream', () => {
  test('begins with where it stands, and its publications are the frames of a WebSocket', async () => {
    const server = await startServer();
    const publisher = await connect(server.port, { user: 'publisher' });
    const stream = await openStream(server.port, { query: { topics: TOPIC } });
    expect(stream.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(await stream.connected()).toMatchObject({ node: 'test-node' });
    const { positions } = await stream.subscribed();
    expect(stream.lastId).toBe(`${positions[TOPIC]?.epoch}:0`);
    expect(stream.parser.retryMs).toBeGreaterThanOrEqual(1_000);
    expect(stream.parser.retryMs).toBeLessThanOrEqual(5_000);
    await publisher.publish(TOPIC, { text: 'hello' });
    const frame = await stream.next('Broadcast');
    expect(frame.event).toBe('message');
    expect(frame.data).toMatchObject({ topic: TOPIC, sequence: 1, payload: { text: 'hello' } });
    expect(stream.lastId).toBe(`${positions[TOPIC]?.epoch}:1`);
  });

  test('names its events, and draws how long to wait', async () => {
    const server = await startServer({ 'topics.history': '1', 'actor_system.mailbox_capacity': '1' });
    const publisher = await connect(server.port, { user: 'publisher' });
    const { data } = await publisher.publish(TOPIC, 1);
    await publisher.publish(TOPIC, 2);
    await publisher.publish(TOPIC, 3);
    const streams = await Promise.all(
      Array.from({ length: 5 }, () =>
        openStream(server.port, {
          body: { topics: [{ topic: TOPIC, epoch: data.epoch, sequence: 1 }, '@me', 'bad name'] },
        }),
      ),
    );
    const [stream] = streams as [EventStreamClient];
    await publisher.ask('DirectMessage', { target_user: 'alice', payload: 'psst' });
    expect((await stream.subscribed()).rejected).toMatchObject([{ topic: 'bad name', reason: 'invalid_topic' }]);
    expect((await stream.next('Gap')).event).toBe('gap');
    expect((await stream.next('DirectMessage')).event).toBe('direct');
    expect(stream.frames[0]?.event).toBe('status');
    for (const each of streams) await each.subscribed().catch(() => {});
    expect(new Set(streams.map(({ parser }) => parser.retryMs)).size).toBeGreaterThan(1);
  });

  test('begins with a comment of 2 KiB where a proxy needs it', async () => {
    const server = await startServer();
    for (const options of [{ query: { topics: TOPIC, pad: '1' } }, { body: { topics: [TOPIC], pad: true } }]) {
      const stream = await openStream(server.port, options);
      await stream.subscribed();
      expect(stream.parser.comments).toBe(1);
    }
  });

  test('begins at the first message that there is, where it asks for that', async () => {
    const server = await startServer();
    const publisher = await connect(server.port, { user: 'publisher' });
    await publisher.publishAll(TOPIC, [1, 2]);
    const stream = await openStream(server.port, { query: { topics: TOPIC, from: 'earliest' } });
    expect((await stream.take(2)).map(({ data }) => data.payload)).toEqual([1, 2]);
  });

  test('says that it is there, and is not closed for its silence', async () => {
    const server = await startServer();
    const stream = await openStream(server.port, { query: { topics: TOPIC } });
    await stream.subscribed();
    for (let second = 0; second < 200; second += 1) server.beat();
    await eventually(() => stream.parser.comments >= 13, 'a comment every 15 seconds');
    expect([stream.isEnded, server.connections]).toEqual([false, 1]);
  });

  test('ends when it is as old as it may get, each at a time of its own, and goes on where it was', async () => {
    const server = await startServer({ 'streams.max_secs': '100' });
    const streams: EventStreamClient[] = [];
    for (let at = 0; at < 10; at += 1) streams.push(await openStream(server.port, { query: { topics: TOPIC } }));
    for (const stream of streams) await stream.subscribed();
    const ages = new Map<EventStreamClient, number>();
    for (let age = 1; age <= 100; age += 1) {
      server.beat();
      const { length } = streams.filter((stream) => !ages.has(stream));
      await eventually(() => streams.filter(({ isEnded }) => !isEnded).length <= server.connections, 'ends to arrive');
      for (const stream of streams) if (stream.isEnded && !ages.has(stream)) ages.set(stream, age);
      if (length === 0) break;
    }
    expect(Math.min(...ages.values())).toBeGreaterThanOrEqual(80);
    expect(new Set(ages.values()).size).toBeGreaterThan(4);
    const [first] = streams as [EventStreamClient];
    expect((await first.next('Error')).data).toMatchObject({ code: 4200, reason: 'rotated', temporary: true });
    expect(first.parser.retryMs).toBeLessThanOrEqual(500);
    const publisher = await connect(server.port, { user: 'publisher' });
    await publisher.publish(TOPIC, 'meanwhile');
    const again = await openStream(server.port, {
      query: { topics: TOPIC },
      headers: { 'last-event-id': first.lastId },
    });
    expect((await again.next('Broadcast')).data.payload).toBe('meanwhile');
  });

  test('warns of the end of its token, ends with it, and the token opens no other', async () => {
    // A beat every 2 ms: for two seconds and a stream's whole life would be over first.
    const server = await startServer({ 'auth.leeway_secs': '0', 'streams.max_secs': '86400' });
    const token = await tokenOf('alice', { expiresIn: 2 });
    const stream = await openStream(server.port, { token, query: { topics: TOPIC } });
    const warning = await beatUntil(server, stream.next('AuthStatus'));
    expect([warning.event, warning.data.status]).toEqual(['status', 'token_expiring']);
    const last = await beatUntil(server, stream.next('Error'));
    expect([last.event, last.data.code, last.data.reason]).toEqual(['error', 4300, 'token_expired']);
    await within(stream.ended, 'the end');
    expect(await statusOf(server, { token, query: { topics: TOPIC } })).toBe(401);
    expect(server.connections).toBe(0);
  });

  test('is told when to come back from a node that drains, and ends', async () => {
    const server = await startServer();
    const stream = await openStream(server.port, { query: { topics: TOPIC } });
    await stream.subscribed();
    const stopping = server.stop();
    expect(await stream.status('draining')).toEqual({ reconnect_after_ms: expect.any(Number) as number });
    expect((await stream.next('Error')).data).toMatchObject({ code: 4101, reason: 'draining' });
    await within(stream.ended, 'the end');
    await stopping;
  });

  test('is seen by operators and counted, and its place is given back', async () => {
    const server = await startServer({
      'websocket.max_connections_per_user': '1',
      'admin.token': 'an admin token of 32 characters!!',
    });
    const stream = await openStream(server.port, { query: { topics: TOPIC } });
    await stream.subscribed();
    const answer = await server.get('/admin/connections', {
      authorization: 'Bearer an admin token of 32 characters!!',
    });
    expect(await answer.json()).toMatchObject({ connections: [{ user: 'alice', transport: 'sse', subscriptions: 1 }] });
    const samples = await server.samples('signalbox_connections');
    expect(samples.filter(({ value }) => value > 0)).toMatchObject([{ transport: 'sse', format: 'json', value: 1 }]);
    expect(await statusOf(server, { query: { topics: TOPIC } })).toBe(429);
    await stream.drop();
    await eventually(() => server.connections === 0, 'the node to notice');
    await (await openStream(server.port, { query: { topics: TOPIC } })).subscribed();
  });
});

describe('a request for a stream is refused', () => {
  test('by the checks of a handshake, in their order, with nothing kept', async () => {
    const server = await startServer({ 'streams.max_topics': '2' });
    const topics = { topics: TOPIC };
    const cases: [number, Parameters<typeof askForStream>[1]][] = [
      [403, { query: topics, headers: FOREIGN_ORIGIN, token: null }],
      [401, { query: topics, token: null }],
      [401, { query: topics, token: 'nonsense' }],
      [401, { body: 'nonsense', token: null }],
      [400, { query: {} }],
      [400, { query: { topics: '' } }],
      [400, { query: { topics: 'chat.*' } }],
      [400, { query: { ...topics, from: 'yesterday' } }],
      [400, { body: 'nonsense' }],
      [400, { body: { topics: [] } }],
      [400, { body: { topics: [{ topic: TOPIC, epoch: 5 }] } }],
      [400, { body: { topics: [TOPIC], cursor: 5 } }],
      [400, { body: { topics: [{ topic: 'chat.**' }] } }],
      [429, { query: { topics: 'a,b,c' } }],
    ];
    const got: number[] = [];
    for (const [, options] of cases) got.push(await statusOf(server, options));
    const limit = got.pop();
    expect(got).toEqual(cases.slice(0, -1).map(([status]) => status));
    expect([400, 403, 422, 429]).toContain(limit);
    await eventually(() => server.connections === 0, 'nothing to be left');
    expect(server.running.node.parts.context.users.size).toBeLessThanOrEqual(1);
  });

  test('not for HEAD, which opens nothing that stays', async () => {
    const server = await startServer();
    const response = await fetch(`${server.url}/sse?topics=${TOPIC}&token=${await tokenOf('alice')}`, {
      method: 'HEAD',
    });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect(server.connections).toBe(0);
  });

  test('by a node that drains, with when to come back', async () => {
    const server = await startServer();
    server.running.node.parts.mode.send({ type: 'REFUSE' });
    const response = await askForStream(server.port, { query: { topics: TOPIC } });
    expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '2']);
  });

  test('pages of allowed origins may ask, and read the answer', async () => {
    const origin = 'https://app.example';
    const server = await startServer({ 'security.allowed_origins': `["${origin}"]` });
    const preflight = await fetch(`${server.url}/sse`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([204, 'GET, POST']);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('last-event-id');
    const stream = await openStream(server.port, { query: { topics: TOPIC }, headers: { origin } });
    expect(stream.response.headers['access-control-allow-origin']).toBe(origin);
  });
});

describe('a cursor', () => {
  test.each([
    { kind: 'a word', cursor: 'nonsense' },
    { kind: 'a dash', cursor: '-' },
    { kind: 'a colon', cursor: ':' },
    { kind: 'not ASCII', cursor: '€' },
    { kind: 'below the first', cursor: 'epoch:-1' },
    { kind: 'beyond all numbers', cursor: 'epoch:99999999999999999999' },
    { kind: 'of another list', cursor: '12345678.a:1.b:2' },
    { kind: 'too long', cursor: 'x'.repeat(5_000) },
    { kind: 'a NUL', cursor: '\u0000' },
  ])('that cannot be read ($kind) is a loss for each topic, and live', async ({ cursor }) => {
    const server = await startServer();
    const publisher = await connect(server.port, { user: 'publisher' });
    await publisher.publishAll('a', [1]);
    const stream = await openStream(server.port, { query: { topics: 'a,b', cursor } });
    const gaps = await stream.take(2, 'Gap');
    expect(new Set(gaps.map(({ data }) => `${data.topic} ${data.cause}`))).toEqual(
      new Set(['a history_lost', 'b history_lost']),
    );
    await publisher.publish('a', 2);
    await publisher.publish('b', 3);
    expect((await stream.take(2)).map(({ data }) => data.payload)).toEqual([2, 3]);
    expect(stream.lastId).not.toBe('');
  });

  test('of other topics is one that cannot be read', async () => {
    const server = await startServer();
    const stream = await openStream(server.port, { query: { topics: 'a,b' } });
    await stream.subscribed();
    const other = await openStream(server.port, {
      query: { topics: 'a,c' },
      headers: { 'last-event-id': stream.lastId },
    });
    expect((await other.take(2, 'Gap')).every(({ data }) => data.cause === 'history_lost')).toBe(true);
    const same = await openStream(server.port, {
      query: { topics: 'b,a' },
      headers: { 'last-event-id': stream.lastId },
    });
    expect((await same.subscribed()).recovery).toEqual({
      a: { recovered: true, missed: 0 },
      b: { recovered: true, missed: 0 },
    });
  });

  test('with a made-up position is a loss, and what a browser read is newer than its address', async () => {
    const server = await startServer();
    const publisher = await connect(server.port, { user: 'publisher' });
    const { data } = await publisher.publish(TOPIC, 1);
    const forged = await openStream(server.port, { query: { topics: TOPIC, cursor: `${data.epoch}:77` } });
    expect((await forged.next('Gap')).data.cause).toBe('history_lost');
    await publisher.publish(TOPIC, 2);
    const stream = await openStream(server.port, {
      query: { topics: TOPIC, cursor: `${data.epoch}:0` },
      headers: { 'last-event-id': `${data.epoch}:1` },
    });
    expect((await stream.next('Broadcast')).data.payload).toBe(2);
  });

  test('has no place for topics without a log, and they go on live', async () => {
    const server = await startServer({ 'topics.rules': '[{"pattern":"typing.**","history":0}]' });
    const publisher = await connect(server.port, { user: 'publisher' });
    const query = { topics: 'chat.a,typing.a' };
    const stream = await openStream(server.port, { query });
    await stream.subscribed();
    await publisher.publish('typing.a', 1);
    expect((await stream.next('Broadcast')).data.payload).toBe(1);
    const again = await openStream(server.port, { query, headers: { 'last-event-id': stream.lastId } });
    expect((await again.subscribed()).recovery).toMatchObject({
      'chat.a': { recovered: true },
      'typing.a': { recovered: false, reason: 'no_history' },
    });
    await publisher.publish('typing.a', 2);
    expect((await again.next('Broadcast')).data.payload).toBe(2);
    expect(again.untaken('Gap')).toEqual([]);
  });

  test('of fifty topics fits into a header, and all of them go on', async () => {
    const server = await startServer({ 'rate_limiting.enabled': 'false' });
    const topics = Array.from({ length: 50 }, (_, at) => `some.topic.with.a.long.name.${at}`);
    const publisher = await connect(server.port, { user: 'publisher' });
    const stream = await openStream(server.port, { query: { topics: topics.join(',') } });
    await stream.subscribed();
    expect(stream.lastId.length).toBeLessThan(1_300);
    for (const topic of topics) await publisher.publish(topic, topic);
    const again = await openStream(server.port, {
      query: { topics: topics.join(',') },
      headers: { 'last-event-id': stream.lastId },
    });
    const missed = await again.take(50 - stream.frames.filter(({ type }) => type === 'Broadcast').length);
    expect(missed.length).toBeGreaterThanOrEqual(0);
    expect(Object.values((await again.subscribed()).recovery).every(({ recovered }) => recovered)).toBe(true);
  });
});

test('a client that goes in any moment leaves nothing behind', async () => {
  const server = await startServer();
  for (let at = 0; at < 20; at += 1) {
    const response = await askForStream(server.port, { body: { topics: [TOPIC] } });
    response.destroy();
  }
  await eventually(() => server.connections === 0, 'the node to notice');
  const backend = await Backend.on(server);
  await backend.publish(TOPIC, 1);
  expect(await server.metric('signalbox_delivery_unaccounted')).toBe(0);
});
