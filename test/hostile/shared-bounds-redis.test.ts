/** The bounds of shared-bounds.test.ts where nodes share a Redis: one user on several nodes cannot use them up either. */
import { beforeAll, expect, test } from 'vitest';
import { connect, type Client } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { startCluster, startRedis, type RedisServer } from '../harness/redis-server.ts';
import { startServer, type TestServer } from '../harness/server.ts';

let redis: RedisServer;
let lastPrefix = 0;
beforeAll(async () => {
  redis = await startRedis();
});

async function two(settings: Readonly<Record<string, string>>): Promise<[TestServer, TestServer]> {
  lastPrefix += 1;
  const shared = { 'redis.url': redis.url, 'redis.prefix': prefix(), 'rate_limiting.enabled': 'false' };
  const start = (name: string): Promise<TestServer> =>
    startServer({ ...shared, 'server.node_name': name, ...settings });
  return Promise.all([start('a'), start('b')]);
}

function prefix(): string {
  return `bounds${lastPrefix}`;
}

async function publishTo(clients: readonly Client[], topics: readonly string[]): Promise<void> {
  for (const [at, topic] of topics.entries()) {
    const { type, data } = await (clients[at % clients.length] as Client).publish(topic, at);
    expect(type, JSON.stringify(data)).toBe('Ack');
  }
}

const names = (start: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${start}${at}`);

test('topics: who makes them by the hundred on all nodes loses the own ones, and nothing of them stays', async () => {
  const [a, b] = await two({ 'topics.max_topics': '100' });
  const mallory = await Promise.all([a, b].map(({ port }) => connect(port, { user: 'mallory' })));
  const ann = await connect(b.port, { user: 'ann' });
  await ann.subscribe('chat.quiet');
  await publishTo(mallory, names('hoard.', 200));
  // Those that made room are known to both nodes: they count anew all the same.
  await publishTo(mallory.toReversed(), names('hoard.', 100));
  await publishTo([ann], ['chat.new']);
  await mallory[0]?.publish('chat.quiet', 'still there');
  expect((await ann.take(1)).map(({ data }) => data.payload)).toEqual(['still there']);
  const streams = await redis.redis.keys(`${prefix()}:stream:{hoard.*`);
  expect(streams.length).toBeLessThanOrEqual(25);
  const evicted =
    (await a.metric('signalbox_log_topics_evicted_total')) + (await b.metric('signalbox_log_topics_evicted_total'));
  expect(evicted).toBeGreaterThanOrEqual(270);
  await eventually(async () => {
    const [index] = await redis.redis.keys(`${prefix()}:index:{hoard:*`);
    return (await redis.redis.zcard(index ?? '')) <= 26;
  }, 'the index to be without what made room');
});

test('topics: who holds the own share by subscribing is refused, told that it is temporary, and others are not', async () => {
  const [a, b] = await two({ 'topics.max_topics': '100' });
  const mallory = await connect(a.port, { user: 'mallory' });
  const { rejected } = await mallory.subscribe(...names('hoard.', 60));
  expect(rejected).toHaveLength(35);
  const again = await connect(b.port, { user: 'mallory' });
  const { data } = await again.publish('hoard.more', 1);
  expect(data).toMatchObject({ code: 429, reason: 'topic_limit', temporary: true, retry_after_ms: 1_000 });
  const ann = await connect(b.port, { user: 'ann' });
  expect((await ann.subscribe('chat.a')).rejected).toEqual([]);
  expect((await ann.publish('chat.b', 1)).type).toBe('Ack');
});

test('topics: those that ended by themselves are not counted for ever', async () => {
  const [a] = await two({ 'topics.max_topics': '20', 'topics.max_topics_per_user': '3' });
  for (const user of names('user', 20)) await publishTo([await connect(a.port, { user })], [`chat.${user}`]);
  const topics = await redis.redis.keys(`${prefix()}:topic:*`);
  await redis.redis.del(...topics.filter((key) => key.includes('chat.user1')));
  // Some time later: what was counted a moment ago could be about to be made.
  const due = `${prefix()}:shares:{all}:topics:due`;
  for (const entry of await redis.redis.zrange(due, '0', '-1')) await redis.redis.call('ZINCRBY', due, '-60000', entry);
  const ann = await connect(a.port, { user: 'ann' });
  await publishTo([ann], ['chat.ann1', 'chat.ann2', 'chat.ann3']);
  expect(await redis.redis.zcard(due)).toBe(20 - 11 + 3);
});

test('direct messages: nodes full of topics take them, and one sender does not push out others', async () => {
  const [a, b] = await two({ 'topics.max_topics': '10' });
  const mallory = await connect(a.port, { user: 'mallory' });
  await mallory.subscribe(...names('hoard.', 10));
  const ann = await connect(b.port, { user: 'ann' });
  expect((await ann.ask('DirectMessage', { target_user: 'bob', payload: 'from ann' })).type).toBe('Ack');
  const answers: string[] = [];
  for (let at = 0; at < 120; at += 1) {
    const { type, data } = await mallory.ask('DirectMessage', { target_user: 'bob', payload: at });
    answers.push(type === 'Ack' ? 'Ack' : `${String(data['code'])} ${data.reason ?? ''} ${String(data['temporary'])}`);
  }
  expect(answers.slice(50)).toEqual(Array.from({ length: 70 }, () => '429 inbox_full true'));
  const bob = await connect(b.port, { user: 'bob' });
  const { data } = await bob.ask('History', { topic: '@me', limit: 100 });
  const details = data['details'] as { messages: { data: { from_user: string } }[] };
  const senders = details.messages.map((message) => message.data.from_user);
  expect(senders.filter((from) => from === 'ann')).toHaveLength(1);
  expect(senders).toHaveLength(51);
});

test(
  'a cluster: clients keep the topics that they listen to by whatever server, and are sent all that comes',
  { timeout: 60_000 },
  async () => {
    const servers = await startCluster();
    const url = `redis+cluster://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
    const [a] = await two({ 'redis.url': url, 'topics.max_topics': '100' });
    const [mallory, ann] = [await connect(a.port, { user: 'mallory' }), await connect(a.port, { user: 'ann' })];
    // Spread over the slots: the node's one subscription is at one server of three.
    const followed = names('hoard.', 12);
    await publishTo([mallory], followed);
    await ann.subscribe(...followed);
    await publishTo([mallory], names('more.', 60));
    for (const topic of followed) {
      const { data } = await ann.ask('History', { topic, limit: 10 });
      expect(data).toMatchObject({ details: { messages: [{ data: { sequence: 1 } }] } });
    }
    const users = names('user', 6);
    for (const user of users) {
      const bob = await connect(a.port, { user });
      const from = [mallory, ann];
      // Messages sent before count as unread until the user listens.
      for (let at = 0; at < 2; at += 1) await from[at % 2]?.ask('DirectMessage', { target_user: user, payload: at });
      await bob.subscribe('@me');
      let taken = 0;
      for (let at = 0; at < 120; at += 1) {
        const { type, data } = await (from[at % 2] as Client).ask('DirectMessage', { target_user: user, payload: at });
        if (type === 'Ack') taken += 1;
        else expect(data).toMatchObject({ reason: 'log_unavailable', retry_after_ms: 100 });
      }
      expect(taken).toBeGreaterThanOrEqual(118);
    }
  },
);

test('sessions: a user who reconnects again and again keeps the newest of the own, and those of others stay', async () => {
  const [a, b] = await two({ 'session.per_user': '10' });
  const ann = await connect(a.port, { user: 'ann' });
  await ann.subscribe('chat.a');
  const { id } = (await ann.publish('chat.a', 1)).data;
  const { session_id: session } = ann.connected;
  await ann.close();
  for (let at = 0; at < 40; at += 1) {
    const mallory = await connect([a, b][at % 2]?.port ?? 0, { user: 'mallory' });
    await mallory.subscribe('chat.a');
    await mallory.close();
  }
  const kept = async (): Promise<number> => (await redis.redis.keys(`${prefix()}:session:*`)).length;
  await eventually(async () => (await kept()) === 11, 'the oldest sessions of mallory to leave');
  const back = await connect(b.port, { user: 'ann' });
  expect((await back.ask('GetMissedMessages', { since: id, session_id: session })).type).toBe('Status');
});
