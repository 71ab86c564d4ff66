/** Topics that an application owns, over two real nodes on one Redis: decisions, changes of rights, one numbering. */
import { beforeAll, describe, expect, test } from 'vitest';
import { refusal } from '../src/protocol/errors.ts';
import { registerOwners } from '../src/service/register-owners.ts';
import { EPOCH, TestOwner, type Table } from '../src/service/test-rig-owner.ts';
import type { TopicOwner, TopicOwners } from '../src/service/topic-owners.ts';
import { Admin, ADMIN_TOKEN } from './harness/admin.ts';
import { Backend } from './harness/backend.ts';
import { connect, type Connection } from './harness/client.ts';
import { within } from './harness/deadline.ts';
import { ownTimer } from './harness/own-time.ts';
import { startRedis, type RedisServer } from './harness/redis-server.ts';
import { startServer, type TestServer } from './harness/server.ts';

const TOPIC = 'poll.1';

let redis: RedisServer;
let lastPrefix = 0;
beforeAll(async () => {
  redis = await startRedis();
});

async function twoNodes(settings: Readonly<Record<string, string>> = {}): Promise<[TestServer, TestServer]> {
  lastPrefix += 1;
  const shared = {
    'redis.url': redis.url,
    'redis.prefix': `owned${lastPrefix}`,
    'admin.token': ADMIN_TOKEN,
    'topics.subscribe': 'user,service',
    'topics.publish': 'user,service',
    ...settings,
  };
  const start = (name: string): Promise<TestServer> => startServer({ ...shared, 'server.node_name': name });
  return [await start('a'), await start('b')];
}

function register(nodes: readonly TestServer[], owner: TopicOwner): void {
  const whole = new TestOwner();
  const owners: TopicOwners = {
    of: (topic) => (whole.of(topic) === null ? null : owner),
    overlapping: (pattern) => whole.overlapping(pattern).map((overlap) => ({ ...overlap, owner })),
  };
  for (const { running } of nodes) registerOwners(running.node.parts.context, owners);
}

/** One table for all nodes, as a database is, and answers that take a while. */
function storing(table: Table): TopicOwner {
  return {
    app: 'poll',
    mayAct: null,
    publishing: (_, __, draft, reply) => {
      const row = table.store(draft, Date.now());
      setTimeout(() => reply(row), Math.random() * 5);
    },
    history: table,
  };
}

async function unsubscribed(client: Connection): Promise<unknown> {
  for (;;) {
    const { data } = await client.next('Status');
    if (data['status'] === 'unsubscribed') return data['details'];
  }
}

describe('decisions', () => {
  test('rights that change end live subscriptions on every node within a second, and memory', async () => {
    const nodes = await twoNodes();
    const [a, b] = nodes;
    const denied = new Set<string>();
    const asked: string[] = [];
    register(nodes, {
      app: 'poll',
      mayAct: ({ user }, action, name, reply) => {
        asked.push(`${user} ${action} ${name}`);
        const problem = denied.has(user) ? refusal('not_allowed', 'the poll is over') : null;
        setTimeout(() => reply(problem), 5);
      },
      publishing: null,
      history: null,
    });
    const [here, there, bob] = [await connect(a.port), await connect(b.port), await connect(b.port, { user: 'bob' })];
    for (const client of [here, there, bob]) expect((await client.subscribe(TOPIC)).topics).toEqual([TOPIC]);
    await here.publish(TOPIC, 1);
    const before = asked.length;
    await here.publish(TOPIC, 2);
    expect(asked).toHaveLength(before);

    denied.add('alice');
    const elapsed = ownTimer(redis.pid);
    const ended = Promise.all([unsubscribed(here), unsubscribed(there)]);
    const { body } = await new Admin(a.port).post('/admin/rights/changed', { user: 'alice', topic: TOPIC });
    expect(body).toMatchObject({ applied: true, connections: 2 });
    for (const details of await within(ended, 'the end of both subscriptions'))
      expect(details).toMatchObject({ topics: [TOPIC], rejected: [{ topic: TOPIC, reason: 'not_allowed' }] });
    expect(elapsed()).toBeLessThan(1_000);

    expect((await here.publish(TOPIC, 3)).data).toMatchObject({ reason: 'not_allowed' });
    expect((await there.subscribe(TOPIC)).rejected).toMatchObject([{ reason: 'not_allowed' }]);
    await bob.publish(TOPIC, 4);
    expect((await bob.take(3)).map(({ data }) => data['payload'])).toEqual([1, 2, 4]);
  });

  test('an owner that never answers is a refusal for now over HTTP as over the socket', async () => {
    const nodes = await twoNodes({ 'apps.decision_timeout_ms': '50' });
    const [a] = nodes;
    register(nodes, { app: 'poll', mayAct: () => {}, publishing: null, history: null });
    const client = await connect(a.port);
    expect((await client.subscribe(TOPIC, 'chat.a')).rejected).toMatchObject([{ reason: 'rights_unavailable' }]);
    expect((await client.publish(TOPIC, 1)).data).toMatchObject({ code: 503, temporary: true, retry_after_ms: 1_000 });
    const backend = await Backend.on(a);
    const answers = [
      await backend.post({ topic: TOPIC, payload: 1 }),
      await backend.history(TOPIC),
      await backend.position(TOPIC),
    ];
    for (const { status, headers, body } of answers) {
      expect([status, headers.get('retry-after')]).toEqual([503, '1']);
      expect(body).toMatchObject({ error: { reason: 'rights_unavailable' } });
    }
  });
});

describe('one numbering', () => {
  test('messages of many senders on two nodes come to everybody in the order of the table, and none is missing', async () => {
    const nodes = await twoNodes({ 'rate_limiting.enabled': 'false' });
    const { table } = new TestOwner();
    register(nodes, storing(table));
    const readers = await Promise.all(nodes.map(({ port }) => connect(port, { user: 'reader' })));
    for (const reader of readers) await reader.subscribe(TOPIC);
    const senders = await Promise.all(
      [0, 1, 2, 3].map((at) => connect(nodes[at % 2]?.port ?? 0, { user: `sender-${at}` })),
    );
    const acks = await Promise.all(
      senders.map((sender, at) =>
        sender.publishAll(
          TOPIC,
          Array.from({ length: 25 }, (_, n) => `${at}-${n}`),
        ),
      ),
    );
    const rows = table.rows.map(({ position, draft }) => [
      position.epoch,
      position.sequence,
      JSON.parse(draft.payload),
    ]);
    for (const reader of readers) {
      const seen = await reader.take(100);
      expect(seen.map(({ data }) => [data['epoch'], data['sequence'], data['payload']])).toEqual(rows);
      const ids = new Map(seen.map(({ id, data }) => [data['sequence'], id]));
      for (const { data } of acks.flat()) expect(ids.get(data['sequence'])).toBe(data['id']);
    }
  });

  test('what Redis has lost or never had comes from the table, under the same numbers', async () => {
    const nodes = await twoNodes({
      'topics.history': '100',
      'actor_system.mailbox_capacity': '100',
      'rate_limiting.enabled': 'false',
    });
    const [a, b] = nodes;
    const { table } = new TestOwner();
    register(nodes, storing(table));
    const sender = await connect(a.port, { user: 'sender' });
    await sender.publishAll(
      TOPIC,
      Array.from({ length: 300 }, (_, at) => at + 1),
    );
    const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);
    const resume = async (node: TestServer, after: number, count: number): Promise<unknown[]> => {
      const reader = await connect(node.port, { user: 'reader' });
      const { recovery } = await reader.subscribe({ topic: TOPIC, epoch: EPOCH, sequence: after });
      expect(recovery).toMatchObject({ [TOPIC]: { recovered: true, missed: count } });
      const frames = await reader.take(count);
      expect(reader.frames.filter(({ type }) => type === 'Gap')).toEqual([]);
      await reader.close();
      return frames.map(({ data }) => data['sequence']);
    };
    expect(await resume(b, 20, 280)).toEqual(numbers(21, 300));

    const live = await connect(b.port, { user: 'live' });
    await live.subscribe(TOPIC);
    await redis.redis.flushall();
    await sender.publish(TOPIC, 301);
    expect((await live.next('Broadcast')).data).toMatchObject({ epoch: EPOCH, sequence: 301 });
    expect(live.frames.filter(({ type }) => type === 'Gap')).toEqual([]);
    expect(await resume(b, 20, 281)).toEqual(numbers(21, 301));
    const backend = await Backend.on(b);
    const { body } = await backend.position(TOPIC);
    expect(body).toMatchObject({ position: { epoch: EPOCH, sequence: 301 } });
  });
});
