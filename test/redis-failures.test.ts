/** Redis fails in every way that it can: clients keep their connections, nothing is acknowledged and lost, and it heals by itself. */
import { expect, test } from 'vitest';
import { connect, type Connection } from './harness/client.ts';
import { eventually } from './harness/deadline.ts';
import type { Frame } from './harness/frames.ts';
import { freePort } from './harness/free-port.ts';
import { ownTimer } from './harness/own-time.ts';
import { RedisServer, startDurableRedis, startRedis, startReplica } from './harness/redis-server.ts';
import { startServer, type TestServer } from './harness/server.ts';

const TOPIC = 'chat.lobby';
/** Much longer than a busy machine takes for a command, or tests would see what they did not cause. */
const COMMAND_TIMEOUT_MS = 1_000;
const BREAKER_OPEN_MS = 200;

function settingsFor(url: string): Record<string, string> {
  return {
    'redis.url': url,
    'redis.command_timeout_ms': String(COMMAND_TIMEOUT_MS),
    'redis.connect_timeout_ms': '1000',
    'redis.breaker_failures': '3',
    'redis.breaker_open_ms': String(BREAKER_OPEN_MS),
    'redis.retry_max_ms': '100',
    'rate_limiting.enabled': 'false',
  };
}

interface Scene {
  readonly node: TestServer;
  readonly reader: Connection;
  readonly publisher: Connection;
}

/** On a busy machine the first attempt to reach Redis may take longer than the time that it is given here. */
async function startReady(settings: Readonly<Record<string, string>>): Promise<TestServer> {
  const node = await startServer(settings);
  await eventually(() => isReady(node), 'the node to be ready');
  return node;
}

async function scene(redis: RedisServer, settings: Readonly<Record<string, string>> = {}): Promise<Scene> {
  const node = await startReady({ ...settingsFor(redis.url), ...settings });
  const reader = await connect(node.port, { user: 'reader' });
  await reader.subscribe(TOPIC);
  const publisher = await connect(node.port, { user: 'publisher' });
  return { node, reader, publisher };
}

/** Publishes again and again until it is taken; answers the refusals of the meantime. */
async function publishAtLast(publisher: Connection, payload: unknown): Promise<{ ack: Frame; refusals: Frame[] }> {
  const refusals: Frame[] = [];
  let ack: Frame | null = null;
  await eventually(async () => {
    const reply = await publisher.publish(TOPIC, payload);
    if (reply.type === 'Ack') ack = reply;
    else refusals.push(reply);
    return ack !== null;
  }, 'a publish to be taken');
  return { ack: ack as unknown as Frame, refusals };
}

async function isReady(node: TestServer): Promise<boolean> {
  return (await node.get('/health/ready')).status === 200;
}

function expectRetryable(frame: Frame): void {
  expect(frame.type).toBe('Error');
  expect(frame.data).toMatchObject({ code: 503, temporary: true });
  expect(['log_unavailable', 'outcome_unknown']).toContain(frame.data.reason);
}

/** Payloads of everything that comes up to one of them. */
async function payloadsUpTo(reader: Connection, last: unknown): Promise<unknown[]> {
  const payloads: unknown[] = [];
  while (payloads.at(-1) !== last) payloads.push((await reader.next('Broadcast')).data.payload);
  return payloads;
}

test('killed and started again: publishes are refused at once, connections stay, and it goes on where it was', async () => {
  const redis = await startDurableRedis();
  const { node, reader, publisher } = await scene(redis);
  await publisher.publishAll(TOPIC, [1, 2]);
  await redis.kill();
  await eventually(async () => !(await isReady(node)), 'the node to be unready');
  const elapsed = ownTimer();
  const refused = await publisher.publish(TOPIC, 'lost');
  expect(elapsed()).toBeLessThan(100);
  expect(refused.data).toMatchObject({ code: 503, reason: 'log_unavailable', temporary: true });
  expect((await node.get('/health/live')).status).toBe(200);
  expect(await (await node.get('/health/ready')).json()).toMatchObject({ ready: false, broker_state: 'away' });
  expect((await reader.ask('Ping', {})).type).toBe('Pong');
  await redis.start();
  const sinceUp = ownTimer(redis.pid);
  const { ack } = await publishAtLast(publisher, 3);
  expect(await payloadsUpTo(reader, 3)).toEqual([1, 2, 3]);
  // The target of one second is measured by bench/redis/restart.ts, on a machine that does nothing else.
  expect(sinceUp()).toBeLessThan(3_000);
  expect(ack.data.sequence).toBe(3);
  expect(reader.untaken('Gap')).toEqual([]);
  await eventually(() => isReady(node), 'the node to be ready');
});

test('ephemeral topics go on within the node while Redis is away', async () => {
  const redis = await startRedis();
  const node = await startReady({ ...settingsFor(redis.url), 'topics.history': '0' });
  const reader = await connect(node.port, { user: 'reader' });
  await reader.subscribe('typing.a');
  await redis.kill();
  await eventually(async () => !(await isReady(node)), 'the node to be unready');
  const publisher = await connect(node.port, { user: 'publisher' });
  expect((await publisher.publish('typing.a', 'still')).type).toBe('Ack');
  expect((await reader.next('Broadcast')).data.payload).toBe('still');
  // New interest in an ephemeral topic needs no log either.
  expect((await publisher.subscribe('typing.b')).rejected).toEqual([]);
});

test('restarted empty: subscribers are told that history is lost, and go on under a new epoch', async () => {
  const redis = await startRedis();
  const { reader, publisher } = await scene(redis);
  const [first] = await publisher.publishAll(TOPIC, [1, 2, 3]);
  await reader.take(3);
  await redis.kill();
  await redis.start();
  const gap = await reader.next('Gap');
  expect(gap.data).toMatchObject({ topic: TOPIC, cause: 'history_lost', sequence: 0 });
  expect(gap.data.epoch).not.toBe(first?.data.epoch);
  const { ack } = await publishAtLast(publisher, 'new');
  expect(ack.data).toMatchObject({ sequence: 1, epoch: gap.data.epoch });
  expect((await reader.next('Broadcast')).data).toMatchObject({ payload: 'new', sequence: 1, epoch: gap.data.epoch });
  // A client that comes back with a position of before hears of it as well.
  const { recovery } = await publisher.subscribe({ topic: TOPIC, epoch: first?.data.epoch, sequence: 2 });
  expect(recovery[TOPIC]).toMatchObject({ recovered: false, reason: 'unknown_epoch' });
});

test('paused: a publish is answered within the command time-out, the breaker opens, and nothing happens twice afterwards', async () => {
  const redis = await startRedis();
  const { node, reader, publisher } = await scene(redis);
  await publisher.publishAll(TOPIC, [1]);
  redis.pause();
  const key = { topic: TOPIC, payload: 'keyed', idempotency_key: 'k' };
  const elapsed = ownTimer();
  const unknown = await publisher.ask('Broadcast', key);
  expect(unknown.data).toMatchObject({ code: 503, reason: 'outcome_unknown', temporary: true });
  expect(elapsed()).toBeLessThan(COMMAND_TIMEOUT_MS * 1.1 + 100);
  await eventually(
    async () => (await publisher.publish(TOPIC, 'no')).data.reason === 'log_unavailable',
    'the breaker to open',
  );
  const sinceOpen = ownTimer();
  for (let at = 0; at < 50; at += 1) expectRetryable(await publisher.publish(TOPIC, 'no'));
  expect(sinceOpen()).toBeLessThan(COMMAND_TIMEOUT_MS * 3);
  expect(await isReady(node)).toBe(false);
  expect(reader.isClosed).toBe(false);
  redis.resume();
  await eventually(() => isReady(node), 'the node to be ready');
  // The same key again: whatever became of the first, it is there once.
  const again = await publisher.ask('Broadcast', key);
  expect(again.type).toBe('Ack');
  await publisher.publish(TOPIC, 'last');
  const payloads = await payloadsUpTo(reader, 'last');
  expect(payloads.filter((payload) => payload === 'keyed')).toHaveLength(1);
  expect(reader.untaken('Gap')).toEqual([]);
});

test('slow but not too slow: publishes take longer and are taken', async () => {
  const redis = await startRedis();
  const { reader, publisher } = await scene(redis);
  await redis.redis.client('PAUSE', COMMAND_TIMEOUT_MS / 2, 'WRITE');
  const { refusals } = await publishAtLast(publisher, 'slow');
  expect(refusals).toEqual([]);
  expect((await reader.next('Broadcast')).data.payload).toBe('slow');
});

test('out of memory: publishes are refused, what is stored is read, and it goes on when there is room', async () => {
  const redis = await startRedis();
  const { node, reader, publisher } = await scene(redis);
  await publisher.publishAll(TOPIC, [1, 2]);
  await redis.redis.config('SET', 'maxmemory', '1mb');
  const refused = await publisher.publish(TOPIC, 'no room');
  expect(refused.data).toMatchObject({ code: 503, reason: 'log_unavailable', temporary: true });
  expect(refused.data.message).toContain('OOM');
  const late = await connect(node.port, { user: 'late' });
  await late.subscribe({ topic: TOPIC, from: 'earliest' });
  expect((await late.take(2)).map(({ data }) => data.payload)).toEqual([1, 2]);
  await redis.redis.config('SET', 'maxmemory', '0');
  expect((await publisher.publish(TOPIC, 3)).data).toMatchObject({ status: 'delivered', sequence: 3 });
  expect(await payloadsUpTo(reader, 3)).toEqual([1, 2, 3]);
});

test('turned into a read-only replica: publishes are refused until it is a primary again', async () => {
  const redis = await startRedis();
  const { reader, publisher } = await scene(redis);
  await publisher.publishAll(TOPIC, [1]);
  await reader.take(1);
  // Of a primary that is not there: so it keeps its data.
  await redis.redis.replicaof('127.0.0.1', await freePort());
  await eventually(async () => (await publisher.publish(TOPIC, 'no')).type === 'Error', 'publishes to be refused');
  expectRetryable(await publisher.publish(TOPIC, 'no'));
  await redis.redis.replicaof('NO', 'ONE');
  const { ack } = await publishAtLast(publisher, 2);
  expect(ack.data.sequence).toBe(2);
  expect((await reader.next('Broadcast')).data).toMatchObject({ payload: 2, sequence: 2 });
  expect(reader.untaken('Gap')).toEqual([]);
});

test('a replica that comes or goes costs nothing', async () => {
  const redis = await startRedis();
  const { node, reader, publisher } = await scene(redis);
  await publisher.publishAll(TOPIC, [1, 2]);
  const replica = await startReplica(redis);
  await publisher.publishAll(TOPIC, [3, 4]);
  await replica.kill();
  await publisher.publishAll(TOPIC, [5, 6]);
  const frames = await reader.take(6);
  expect(frames.map(({ data }) => [data.sequence, data.payload])).toEqual([1, 2, 3, 4, 5, 6].map((at) => [at, at]));
  expect(reader.untaken('Gap')).toEqual([]);
  const late = await connect(node.port, { user: 'late' });
  const position = { epoch: frames[1]?.data.epoch, sequence: 2 };
  expect((await late.subscribe({ topic: TOPIC, ...position })).recovery[TOPIC]).toEqual({ recovered: true, missed: 4 });
});

test('publications that were lost on the way are read from the log', async () => {
  const redis = await startRedis();
  const { node, reader, publisher } = await scene(redis);
  await publisher.publishAll(TOPIC, [1]);
  // Another node publishes while this one cannot hear.
  const other = await startReady(settingsFor(redis.url));
  const elsewhere = await connect(other.port, { user: 'elsewhere' });
  for (let round = 0; round < 5; round += 1) {
    await Promise.all([
      redis.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub'),
      elsewhere.publishAll(TOPIC, [`a${round}`, `b${round}`]),
    ]);
  }
  const payloads = await payloadsUpTo(reader, 'b4');
  expect(payloads).toEqual([1, ...[0, 1, 2, 3, 4].flatMap((round) => [`a${round}`, `b${round}`])]);
  expect(reader.untaken('Gap')).toEqual([]);
  expect((await node.get('/health/live')).status).toBe(200);
});

test('a last publication that nobody heard of is found by comparing silent topics', async () => {
  const redis = await startRedis();
  const { reader } = await scene(redis, { 'redis.compare_secs': '1' });
  // Written past the channel, as if the message about it had been lost.
  const record = '3,0,0;bob"unheard"';
  await redis.redis.xadd(`signalbox:stream:{${TOPIC}}`, '1-0', 't', String(Date.now()), 'b', '0', 'd', record);
  await redis.redis.hset(`signalbox:topic:{${TOPIC}}`, 'n', '1');
  expect((await reader.next('Broadcast')).data.payload).toBe('unheard');
});

test('a node starts without Redis, is not ready, and serves when Redis comes', async () => {
  const port = await freePort();
  // By default nobody is let in before it is known what was revoked: redis-orders.test.ts.
  const hasty = { 'redis.start_without_orders': 'true' };
  const node = await startServer({ ...settingsFor(`redis://127.0.0.1:${port}`), ...hasty });
  expect(await isReady(node)).toBe(false);
  expect((await node.get('/health/live')).status).toBe(200);
  const client = await connect(node.port);
  const { rejected } = await client.subscribe(TOPIC);
  expect(rejected).toMatchObject([{ topic: TOPIC, code: 503, reason: 'log_unavailable' }]);
  await new RedisServer(port, ['--save', '', '--maxmemory-policy', 'noeviction']).start();
  await eventually(() => isReady(node), 'the node to be ready');
  await client.subscribe(TOPIC);
  await client.publish(TOPIC, 'at last');
  expect((await client.next('Broadcast')).data.payload).toBe('at last');
});

test('a Redis that would throw logs away is refused', async () => {
  const redis = await startRedis(['--maxmemory-policy', 'allkeys-lru']);
  await expect(startServer(settingsFor(redis.url))).rejects.toThrow(
    /expected maxmemory-policy noeviction, got allkeys-lru/,
  );
});

test('with wait_replicas an acknowledgement means that replicas have it', async () => {
  const redis = await startRedis();
  const wait = {
    'redis.wait_replicas': '1',
    'redis.wait_timeout_ms': '1500',
    'redis.command_timeout_ms': '3000',
  };
  const { publisher } = await scene(redis, wait);
  const alone = await publisher.publish(TOPIC, 1);
  expect(alone.data).toMatchObject({ code: 503, reason: 'outcome_unknown' });
  expect(alone.data.message).toContain('wait_replicas');
  const replica = await startReplica(redis);
  // Counted as connected before it takes part: what it has loaded has to be installed first.
  await eventually(async () => /slave0:.*state=online/.test(await redis.redis.info('replication')), 'the replica');
  const { data } = await publisher.publish(TOPIC, 2);
  expect(data).toMatchObject({ status: 'delivered', sequence: 2 });
  expect(await replica.redis.xlen(`signalbox:stream:{${TOPIC}}`)).toBe(2);
});

test('the state of the link is in the metrics', async () => {
  const redis = await startRedis();
  const { node, publisher } = await scene(redis);
  const stateOf = async (): Promise<string | undefined> => {
    const samples = (await node.samples('signalbox_redis_link_state')) as unknown as { state: string; value: number }[];
    return samples.find(({ value }) => value === 1)?.state;
  };
  expect(await stateOf()).toBe('closed');
  redis.pause();
  void publisher.publish(TOPIC, 'no');
  for (let at = 0; at < 3; at += 1) publisher.send('Broadcast', { topic: TOPIC, payload: at });
  await eventually(async () => (await stateOf()) !== 'closed', 'the breaker to open');
  redis.resume();
  await eventually(async () => (await stateOf()) === 'closed', 'the breaker to close');
  await redis.kill();
  await eventually(async () => (await stateOf()) === 'connecting', 'the link to be lost');
});
