/** Another server takes over: what it has goes on, what it has not is told, and no sequence is given away twice. */
import { expect, test } from 'vitest';
import { connect, type Connection } from './harness/client.ts';
import { eventually } from './harness/deadline.ts';
import type { Frame } from './harness/frames.ts';
import { freePort } from './harness/free-port.ts';
import { startCluster, startDurableRedis, startRedis, startReplica, startSentinel } from './harness/redis-server.ts';
import { startServer, type TestServer } from './harness/server.ts';

const TOPIC = 'chat.lobby';

function startNode(url: string, name: string): Promise<TestServer> {
  return startServer({
    'redis.url': url,
    'server.node_name': name,
    'redis.command_timeout_ms': '500',
    'redis.connect_timeout_ms': '3000',
    'redis.retry_max_ms': '100',
    'rate_limiting.enabled': 'false',
  });
}

async function publishAtLast(publisher: Connection, payload: unknown): Promise<Frame> {
  let ack: Frame | null = null;
  await eventually(async () => {
    const reply = await publisher.publish(TOPIC, payload);
    if (reply.type === 'Ack') ack = reply;
    return ack !== null;
  }, 'a publish to be taken');
  return ack as unknown as Frame;
}

test('a failover that loses the newest messages: positions below go on, later ones are told, sequences are not reused', async () => {
  const primary = await startRedis();
  const replica = await startReplica(primary);
  const sentinel = await startSentinel(primary);
  await eventually(
    async () => ((await sentinel.redis.call('SENTINEL', 'REPLICAS', 'main')) as unknown[]).length === 1,
    'the sentinel to know the replica',
  );
  const url = `redis+sentinel://127.0.0.1:${sentinel.port}/main`;
  const [a, b] = [await startNode(url, 'a'), await startNode(url, 'b')];
  const reader = await connect(a.port, { user: 'reader' });
  await reader.subscribe(TOPIC);
  const publisher = await connect(b.port, { user: 'publisher' });
  const kept = await publisher.publishAll(TOPIC, [1, 2, 3]);
  const old = kept[0]?.data.epoch;
  await eventually(
    async () => (await replica.redis.xlen(`signalbox:stream:{${TOPIC}}`)) === 3,
    'the replica to have it',
  );
  // The replica loses its primary, for longer than the primary lives.
  await replica.redis.replicaof('127.0.0.1', await freePort());
  await publisher.publishAll(TOPIC, ['lost 4', 'lost 5']);
  expect((await reader.take(5)).map(({ data }) => data.sequence)).toEqual([1, 2, 3, 4, 5]);
  await primary.kill();
  const gap = await reader.next('Gap');
  expect(gap.data).toMatchObject({ topic: TOPIC, cause: 'history_lost', sequence: 3 });
  const epoch = gap.data.epoch;
  expect(epoch).not.toBe(old);
  const ack = await publishAtLast(publisher, 'new 4');
  expect(ack.data).toMatchObject({ sequence: 4, epoch });
  expect((await reader.next('Broadcast')).data).toMatchObject({ sequence: 4, epoch, payload: 'new 4' });
  // Where nothing was lost nothing is told. A node whose link is being made anew is not ready, and may refuse for a moment.
  for (const node of [a, b])
    await eventually(async () => (await node.get('/health/ready')).status === 200, 'both nodes to be ready');
  const below = await connect(b.port, { user: 'below' });
  const { recovery, rejected } = await below.subscribe({ topic: TOPIC, epoch: old, sequence: 2 });
  expect(rejected).toEqual([]);
  expect(recovery[TOPIC]).toEqual({ recovered: true, missed: 2 });
  expect((await below.take(2)).map(({ data }) => data.payload)).toEqual([3, 'new 4']);
  expect(below.untaken('Gap')).toEqual([]);
  const beyond = await connect(a.port, { user: 'beyond' });
  const lost = await beyond.subscribe({ topic: TOPIC, epoch: old, sequence: 5 });
  expect(lost.recovery[TOPIC]).toMatchObject({ recovered: false, reason: 'history_lost' });
  expect((await beyond.next('Gap')).data).toMatchObject({ cause: 'history_lost', epoch, sequence: 3 });
  expect((await beyond.next('Broadcast')).data).toMatchObject({ sequence: 4, payload: 'new 4' });
}, 60_000);

// A cluster that has just been made says that it is whole before the links between its servers are all up, and loses what
// is published over those: guarantees.md, "The last message of a topic that only a pattern brings".
test('a cluster serves topics, patterns, sessions and history from all of its servers', async () => {
  const servers = await startCluster();
  const url = `redis+cluster://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  const [a, b] = [await startNode(url, 'a'), await startNode(url, 'b')];
  const topics = Array.from({ length: 12 }, (_, at) => `room.r${at}`);
  const reader = await connect(a.port, { user: 'reader' });
  await reader.subscribe(...topics.slice(0, 6), 'room.*');
  const publisher = await connect(b.port, { user: 'publisher' });
  for (const topic of topics) expect((await publisher.publish(topic, topic)).type).toBe('Ack');
  const seen = (await reader.take(topics.length)).map(({ data }) => data.payload);
  expect(seen.map(String).toSorted()).toEqual(topics.toSorted());
  const sizes = await Promise.all(servers.map(({ redis }) => redis.dbsize()));
  expect(sizes.every((size) => size > 0)).toBe(true);
  const late = await connect(b.port, { user: 'late' });
  const { positions } = await late.subscribe('room.*');
  expect(Object.keys(positions).toSorted()).toEqual(topics.toSorted());
  await reader.close();
  const again = await connect(b.port, { user: 'reader' });
  const since = Object.fromEntries(topics.map((topic) => [topic, { ...positions[topic], sequence: 0 }]));
  await eventually(async () => {
    const reply = await again.ask('GetMissedMessages', { since, session_id: reader.connected.session_id });
    return reply.type === 'Status';
  }, 'the session to be known');
});

test('a message has one position, whether it is heard live or read after the epoch has changed', async () => {
  const redis = await startDurableRedis();
  const a = await startNode(redis.url, 'a');
  const live = await connect(a.port, { user: 'live' });
  await live.subscribe(TOPIC);
  const publisher = await connect(a.port, { user: 'publisher' });
  await publisher.publishAll(TOPIC, [1, 2, 3]);
  // Another identity of the server, as after a restart or when a replica takes over: another epoch, and nothing is lost.
  await redis.kill();
  await redis.start();
  await publishAtLast(publisher, 4);
  const b = await startNode(redis.url, 'b');
  await publishAtLast(publisher, 5);
  const positionOf = ({ id, data }: Frame): unknown[] => [id, data.payload, data.epoch, data.sequence];
  const heard = (await live.take(5)).map(positionOf);
  expect(new Set(heard.map(([, , epoch]) => epoch)).size).toBe(2);
  for (const node of [a, b]) {
    const late = await connect(node.port, { user: 'late' });
    await late.subscribe({ topic: TOPIC, from: 'earliest' });
    expect((await late.take(5)).map(positionOf)).toEqual(heard);
    // From any of these positions it goes on, whatever epoch it names.
    for (const at of [1, 3, 4]) {
      const [, , epoch, sequence] = heard[at - 1] as [string, number, string, number];
      const back = await connect(node.port, { user: `back-${at}` });
      await back.subscribe({ topic: TOPIC, epoch, sequence });
      expect((await back.take(5 - at)).map(positionOf)).toEqual(heard.slice(at));
      expect(back.untaken('Gap')).toEqual([]);
    }
  }
});
