/** Nodes that share a Redis are one service: what is published on one is heard on all, and any of them takes up a client. */
import { beforeAll, describe, expect, test } from 'vitest';
import { connect } from './harness/client.ts';
import { eventually } from './harness/deadline.ts';
import { openStream } from './harness/event-stream.ts';
import { startProcess } from './harness/process.ts';
import { startRedis, type RedisServer } from './harness/redis-server.ts';
import { startServer, type TestServer } from './harness/server.ts';

let redis: RedisServer;
let lastPrefix = 0;
beforeAll(async () => {
  redis = await startRedis();
});

/** Nodes of one service, with keys of its own. */
async function startNodes(count: number, settings: Readonly<Record<string, string>> = {}): Promise<TestServer[]> {
  lastPrefix += 1;
  const shared = { 'redis.url': redis.url, 'redis.prefix': `service${lastPrefix}`, 'rate_limiting.enabled': 'false' };
  return Promise.all(
    Array.from({ length: count }, (_, at) => startServer({ ...shared, 'server.node_name': `node-${at}`, ...settings })),
  );
}

async function two(settings: Readonly<Record<string, string>> = {}): Promise<[TestServer, TestServer]> {
  const [a, b] = await startNodes(2, settings);
  return [a as TestServer, b as TestServer];
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

describe('publications', () => {
  test('go from any node to all, with the same ids and sequences, in the same order', async () => {
    const nodes = await startNodes(3);
    const readers = await Promise.all(nodes.map(({ port }) => connect(port)));
    for (const reader of readers) await reader.subscribe('chat.lobby');
    const publishers = await Promise.all(nodes.map(({ port }, at) => connect(port, { user: `publisher-${at}` })));
    await Promise.all(
      publishers.map((publisher, at) =>
        publisher.publishAll(
          'chat.lobby',
          numbers(1, 20).map((n) => `${at}-${n}`),
        ),
      ),
    );
    const seen = await Promise.all(readers.map((reader) => reader.take(60)));
    const lines = seen.map((frames) => frames.map(({ id, data }) => [id, data.sequence, data.epoch, data.payload]));
    expect(lines[0]?.map(([, sequence]) => sequence)).toEqual(numbers(1, 60));
    expect(lines[1]).toEqual(lines[0]);
    expect(lines[2]).toEqual(lines[0]);
  });

  test('an Ack says what the other node delivers', async () => {
    const [a, b] = await two();
    const reader = await connect(b.port);
    await reader.subscribe('chat.lobby');
    const { data: ack } = await (await connect(a.port, { user: 'bob' })).publish('chat.lobby', 'x');
    const { id, data } = await reader.next('Broadcast');
    expect({ id, epoch: data.epoch, sequence: data.sequence }).toEqual({
      id: ack.id,
      epoch: ack.epoch,
      sequence: ack.sequence,
    });
    expect(ack.recipients).toBe(0);
  });

  test('patterns hear across nodes, also of topics that did not exist before', async () => {
    const [a, b] = await two();
    const publisher = await connect(a.port, { user: 'bob' });
    await publisher.publish('room.old', 1);
    const reader = await connect(b.port);
    const { positions } = await reader.subscribe('room.*');
    expect(Object.keys(positions)).toEqual(['room.old']);
    await publisher.publish('room.new', 1);
    await publisher.publish('room.old', 2);
    await publisher.publish('room.new.deeper', 'not this one');
    const frames = await reader.take(2);
    expect(frames.map(({ data }) => [data.topic, data.payload])).toEqual([
      ['room.new', 1],
      ['room.old', 2],
    ]);
  });

  test('patterns let go of silent topics, which go on with their next message on whatever node', async () => {
    const [a, b] = await two({ 'topics.rest_secs': '1' });
    const publisher = await connect(a.port, { user: 'bob' });
    const reader = await connect(b.port);
    await reader.subscribe('room.*');
    for (const round of numbers(1, 3)) {
      await publisher.publishAll('room.new', [`${round}-1`, `${round}-2`]);
      expect((await reader.take(2)).map(({ data }) => [data.payload, data.sequence])).toEqual([
        [`${round}-1`, 2 * round - 1],
        [`${round}-2`, 2 * round],
      ]);
      const held = async (): Promise<number[]> =>
        Promise.all(['routed_topics', 'redis_followed_topics'].map((name) => b.metric(`signalbox_${name}`)));
      await eventually(async () => (await held()).every((count) => count === 0), 'the topic to rest');
      expect(await b.metric('signalbox_resting_topics')).toBe(1);
    }
    expect(await b.metric('signalbox_delivery_unaccounted')).toBe(0);
    expect(reader.untaken('Gap')).toEqual([]);
  });

  test('ephemeral ones are heard once on every node', async () => {
    const [a, b] = await two({ 'topics.history': '0' });
    const here = await connect(a.port, { user: 'here' });
    const there = await connect(b.port, { user: 'there' });
    for (const reader of [here, there]) await reader.subscribe('typing.a', 'typing.*');
    await eventually(async () => (await b.metric('signalbox_redis_followed_topics')) > 0, 'node b to follow');
    const publisher = await connect(a.port, { user: 'bob' });
    await publisher.publishAll('typing.a', [1, 2, 3]);
    for (const reader of [here, there])
      expect((await reader.take(3)).map(({ data }) => data.payload)).toEqual([1, 2, 3]);
    for (const reader of [here, there]) {
      await reader.ask('Ping', {});
      expect(reader.untaken('Broadcast')).toEqual([]);
    }
  });

  test('direct messages find every device, on whatever node', async () => {
    const [a, b] = await two();
    const devices = [await connect(a.port, { user: 'alice' }), await connect(b.port, { user: 'alice' })];
    for (const device of devices) await device.subscribe('@me');
    const bob = await connect(b.port, { user: 'bob' });
    const reply = await bob.ask('DirectMessage', { target_user: 'alice', payload: 'hi' });
    expect(reply.data).toMatchObject({ sequence: 1 });
    for (const device of devices)
      expect((await device.next('DirectMessage')).data).toMatchObject({ from_user: 'bob', payload: 'hi', sequence: 1 });
  });

  test('an idempotency key counts on all nodes', async () => {
    const [a, b] = await two();
    const message = { topic: 'chat.lobby', payload: 'once', idempotency_key: 'k-1' };
    const first = await (await connect(a.port)).ask('Broadcast', message);
    const again = await (await connect(b.port)).ask('Broadcast', message);
    expect(first.data.status).toBe('delivered');
    expect(again.data).toMatchObject({ status: 'duplicate', id: first.data.id, sequence: 1 });
  });

  test('a node receives only what its clients asked for', async () => {
    const [a, b] = await two();
    await (await connect(b.port)).subscribe('chat.wanted');
    const publisher = await connect(a.port, { user: 'bob' });
    await publisher.publish('chat.unwanted', 1);
    const channels = (await redis.redis.pubsub('CHANNELS', `service${lastPrefix}:live:*`)) as string[];
    expect(channels).toEqual([`service${lastPrefix}:live:{chat.wanted}`]);
  });
});

describe('coming back', () => {
  test('a client resumes on another node with exactly what it missed', async () => {
    const [a, b] = await two();
    const publisher = await connect(a.port, { user: 'bob' });
    const reader = await connect(a.port);
    const { positions } = await reader.subscribe('chat.lobby');
    await publisher.publishAll('chat.lobby', numbers(1, 3));
    await reader.take(3);
    await reader.drop();
    await publisher.publishAll('chat.lobby', numbers(4, 250));
    const again = await connect(b.port);
    const epoch = positions['chat.lobby']?.epoch;
    const { recovery } = await again.subscribe({ topic: 'chat.lobby', epoch, sequence: 3 });
    expect(recovery).toEqual({ 'chat.lobby': { recovered: true, missed: 247 } });
    const missed = await again.take(247);
    expect(missed.map(({ data }) => data.payload)).toEqual(numbers(4, 250));
    await publisher.publish('chat.lobby', 'live');
    expect((await again.next('Broadcast')).data).toMatchObject({ sequence: 251, payload: 'live' });
    expect(again.untaken('Gap')).toEqual([]);
  });

  test('a crowd that comes back is served from memory', async () => {
    const [a, b] = await two();
    const publisher = await connect(a.port, { user: 'bob' });
    const acks = await publisher.publishAll('chat.lobby', numbers(1, 120));
    const epoch = acks[0]?.data.epoch;
    const before = await b.metric('signalbox_redis_log_reads_total');
    for (let at = 0; at < 30; at += 1) {
      const reader = await connect(b.port, { user: `user-${at}` });
      await reader.subscribe({ topic: 'chat.lobby', epoch, sequence: 20 });
      expect((await reader.take(100)).map(({ data }) => data.sequence)).toEqual(numbers(21, 120));
    }
    expect((await b.metric('signalbox_redis_log_reads_total')) - before).toBeLessThanOrEqual(3);
  });

  test('what was missed by message id is known from the session, on another node', async () => {
    const [a, b] = await two();
    const publisher = await connect(a.port, { user: 'bob' });
    const reader = await connect(a.port);
    await reader.subscribe('chat.lobby');
    await publisher.publishAll('chat.lobby', [1, 2]);
    const [, last] = await reader.take(2);
    await reader.close();
    await publisher.publishAll('chat.lobby', [3, 4]);
    const again = await connect(b.port);
    const sessionId = reader.connected.session_id;
    const missed = await again.missed({ since: last?.id, session_id: sessionId });
    expect(missed).toMatchObject({ complete: true });
    const payloads = (await again.take(missed.count)).map(({ data }) => data.payload);
    expect(payloads.slice(-2)).toEqual([3, 4]);
  });

  test("another user's session is as little there as one that nobody knows", async () => {
    const [a, b] = await two();
    const reader = await connect(a.port, { user: 'alice' });
    await reader.subscribe('chat.lobby');
    await reader.close();
    const mallory = await connect(b.port, { user: 'mallory' });
    const since = { 'chat.lobby': { epoch: 'x', sequence: 0 } };
    const ask = (id: unknown): ReturnType<typeof mallory.ask> =>
      mallory.ask('GetMissedMessages', { since, session_id: id });
    const own = await connect(b.port, { user: 'alice' });
    await eventually(async () => {
      const { data } = await own.ask('GetMissedMessages', { since, session_id: reader.connected.session_id });
      return data.status === 'missed_messages';
    }, 'the session to be there');
    expect((await ask(reader.connected.session_id)).data).toMatchObject({ code: 404, reason: 'not_found' });
    expect((await ask('nobody')).data).toMatchObject({ code: 404, reason: 'not_found' });
  });

  test('a node that ends writes the sessions of those that it sends away', async () => {
    const [a, b] = await two();
    const reader = await connect(a.port);
    await reader.subscribe('chat.lobby');
    await a.stop();
    const again = await connect(b.port);
    const since = { 'chat.lobby': { epoch: 'x', sequence: 0 } };
    const reply = await again.ask('GetMissedMessages', { since, session_id: reader.connected.session_id });
    expect(reply.data.status).toBe('missed_messages');
  });

  test('a session is in Redis for an hour', async () => {
    const [a] = await two();
    const reader = await connect(a.port);
    await reader.subscribe('chat.lobby');
    await reader.close();
    const key = `service${lastPrefix}:session:{${reader.connected.session_id}}`;
    await eventually(async () => (await redis.redis.exists(key)) === 1, 'the session to be written');
    const left = await redis.redis.pttl(key);
    expect(left).toBeGreaterThan(3_590_000);
    expect(left).toBeLessThanOrEqual(3_600_000);
    expect(JSON.parse((await redis.redis.get(key)) ?? '')).toMatchObject({
      user: 'alice',
      subscriptions: ['chat.lobby'],
    });
  });
});

test('a node is killed: its clients go on elsewhere, and nothing that was acknowledged is missing', async () => {
  lastPrefix += 1;
  const shared = [`redis.url=${redis.url}`, `redis.prefix=service${lastPrefix}`];
  const args = [...shared, 'rate_limiting.enabled=false', 'topics.history=5000'];
  const assignments = args.flatMap((assignment) => ['--set', assignment]);
  const [dying, other] = await Promise.all([startProcess(assignments), startProcess(assignments)]);
  const reader = await connect(dying.port, { user: 'reader' });
  const { positions } = await reader.subscribe('chat.lobby');
  const publisher = await connect(dying.port, { user: 'publisher' });
  const ended = Promise.all([reader.closed, publisher.closed]);
  let sent = 0;
  publisher.onFrame = ({ type }) => {
    // In the middle of everything: more are on their way, and some are stored without an answer.
    if (type === 'Ack' && publisher.untaken('Ack').length === 100) dying.signal('SIGKILL');
  };
  while (sent < 2_000) {
    publisher.send('Broadcast', { topic: 'chat.lobby', payload: sent }, { id: `p-${sent}` });
    sent += 1;
  }
  await ended;
  const acknowledged = publisher.untaken('Ack');
  expect(acknowledged.length).toBeGreaterThanOrEqual(100);
  const got = reader.untaken('Broadcast');
  const again = await connect(other.port, { user: 'reader' });
  const epoch = positions['chat.lobby']?.epoch;
  const { recovery } = await again.subscribe({ topic: 'chat.lobby', epoch, sequence: got.length });
  const answer = recovery['chat.lobby'] as { recovered: boolean; missed: number };
  expect(answer.recovered).toBe(true);
  const all = [...got, ...(await again.take(answer.missed))];
  expect(all.map(({ data }) => data.sequence)).toEqual(numbers(1, all.length));
  const bySequence = new Map(all.map(({ data }) => [data.sequence, data.payload]));
  for (const { data, reply_to: id } of acknowledged) expect(`p-${String(bySequence.get(data.sequence))}`).toBe(id);
});

describe('streams of events', () => {
  test('go on at another node, where the browser says what it read last', async () => {
    const [a, b] = await two();
    const publisher = await connect(b.port, { user: 'publisher' });
    const query = { topics: 'chat.lobby,chat.other' };
    const stream = await openStream(a.port, { query });
    await stream.subscribed();
    await publisher.publishAll('chat.lobby', numbers(1, 5));
    await publisher.publishAll('chat.other', numbers(1, 3));
    await stream.take(8);
    await stream.drop();
    await publisher.publishAll('chat.lobby', numbers(6, 10));
    const again = await openStream(b.port, { query, headers: { 'last-event-id': stream.lastId } });
    expect((await again.take(5)).map(({ data }) => data.payload)).toEqual(numbers(6, 10));
    await publisher.publishAll('chat.other', [4]);
    expect((await again.next('Broadcast')).data).toMatchObject({ topic: 'chat.other', sequence: 4 });
    expect(again.untaken('Gap')).toEqual([]);
  });
});
