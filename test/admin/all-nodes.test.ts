/** What is asked of all nodes: each answers for its own clients, and one that does not answer is named. */
import { beforeAll, describe, expect, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { signalbox, startProcess, type Outcome, type ServerProcess } from '../harness/process.ts';
import { startRedis, type RedisServer } from '../harness/redis-server.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const TOPIC = 'chat.lobby';

let redis: RedisServer;
let lastPrefix = 0;
beforeAll(async () => {
  redis = await startRedis();
});

function service(): Readonly<Record<string, string>> {
  lastPrefix += 1;
  return { 'redis.url': redis.url, 'redis.prefix': `all${lastPrefix}`, 'admin.token': ADMIN_TOKEN };
}

async function twoNodes(): Promise<[TestServer, TestServer]> {
  const settings = service();
  const a = await startServer({ ...settings, 'server.node_name': 'a' });
  return [a, await startServer({ ...settings, 'server.node_name': 'b' })];
}

async function withStoppedNode(): Promise<[TestServer, ServerProcess]> {
  const settings = service();
  const a = await startServer({ ...settings, 'server.node_name': 'a' });
  const sets = Object.entries({ ...settings, 'server.node_name': 'b' }).map(([key, value]) => `${key}=${value}`);
  const b = await startProcess(sets.flatMap((set) => ['--set', set]));
  b.signal('SIGSTOP');
  return [a, b];
}

function run(server: TestServer, ...args: string[]): Promise<Outcome> {
  return signalbox([...args, '--url', server.url], { ADMIN_TOKEN });
}

/** Alice listens on node b and gets what Bob publishes on node a. */
async function published([a, b]: readonly [TestServer, TestServer]): Promise<string> {
  await new Admin(a.port).post('/admin/trace', { topics: 'chat.**', enabled: true });
  const [alice, bob] = [await connect(b.port), await connect(a.port, { user: 'bob' })];
  await alice.subscribe(TOPIC);
  const { data } = await bob.publish(TOPIC, 'x');
  await alice.take(1);
  return data.id ?? '';
}

describe('a message that a user got on another node', () => {
  test('why says so and names the node; trace lists the recipient', async () => {
    const nodes = await twoNodes();
    const id = await published(nodes);
    for (const asked of nodes) {
      const why = await run(asked, 'why', id, '--user', 'alice');
      expect([why.code, why.out]).toEqual([
        0,
        expect.stringMatching(/^alice got it on connection b-.*\(node b\)\.\n$/),
      ]);
      const trace = await run(asked, 'trace', id);
      expect([trace.code, trace.out]).toEqual([0, expect.stringMatching(/recipients +1 [^]*alice on b-\S+: written/)]);
    }
    const { body } = await new Admin(nodes[0].port).get(`/admin/trace/${id}?user=alice`);
    expect(body).toMatchObject({
      message: { id, recipients: [{ user: 'alice', node: 'b' }] },
      why: { verdict: 'delivered', node: 'b', connections: [{ node: 'b' }] },
      nodes: [
        { node: 'a', problem: null },
        { node: 'b', problem: null },
      ],
    });
  });

  test('is not of one node when that one is named, nor of a user who is nowhere', async () => {
    const nodes = await twoNodes();
    const id = await published(nodes);
    const named = await run(nodes[0], 'why', id, '--user', 'alice', '--node', 'a');
    expect(named.out).toContain('alice is not connected to this node');
    const nobody = await run(nodes[0], 'why', id, '--user', 'nobody');
    expect(nobody.out).toMatch(/^nobody is not connected to any node \(a, b\); the message waits in the log/);
  });
});

describe('lists', () => {
  test('of connections are of all nodes with the verb, and over HTTP with node=*', async () => {
    const [a, b] = await twoNodes();
    const [alice] = [await connect(b.port), await connect(a.port, { user: 'bob' })];
    await alice.subscribe(TOPIC);
    const list = await run(a, 'connections');
    expect([list.code, list.out]).toEqual([
      0,
      expect.stringMatching(/^node +id[^]*b +b-\S+ +alice[^]*2 of 2 .* of a, b\n/),
    ]);
    const admin = new Admin(a.port);
    const page = await admin.get('/admin/connections?node=*&limit=1&sort=connected');
    expect(page.body).toMatchObject({ node: '*', total: 2, next_offset: 1, nodes: [{ total: 1 }, { total: 1 }] });
    const rest = await admin.get('/admin/connections?node=*&limit=1&offset=1&sort=connected');
    const users = [page, rest].flatMap(({ body }) => body['connections'] as { user: string }[]).map(({ user }) => user);
    expect(users.toSorted()).toEqual(['alice', 'bob']);
    expect((await admin.get('/admin/topics?node=*')).body).toMatchObject({ topics: [{ node: 'b', topic: TOPIC }] });
    expect((await run(a, 'topics', '--node', '*')).out).toContain('1 of 1 topics of a, b');
    expect((await admin.get('/admin/connections?node=*&offset=900&limit=101')).status).toBe(400);
    expect((await admin.get('/admin/connections?node=*&sort=height')).status).toBe(400);
  });
});

describe('a node that does not answer', () => {
  test('is named, and the answer is not taken for the whole', async () => {
    const [a, b] = await withStoppedNode();
    const bob = await connect(a.port, { user: 'bob' });
    await bob.subscribe(TOPIC);
    const { data } = await bob.publish(TOPIC, 'x');
    const why = await run(a, 'why', data.id ?? '', '--user', 'alice');
    expect([why.code, why.out]).toEqual([1, expect.stringContaining('b did not answer within two seconds')]);
    const list = await run(a, 'connections');
    expect([list.code, list.out]).toEqual([1, expect.stringContaining('not all: b did not answer')]);
    const status = await run(a, 'emergency', 'status');
    expect([status.code, status.out]).toEqual([1, expect.stringContaining('b: did not answer')]);
    b.signal('SIGCONT');
    await eventually(async () => (await run(a, 'connections')).code === 0, 'b to answer');
  });

  test('because Redis is away is said too', async () => {
    const own = await startRedis();
    const settings = { ...service(), 'redis.url': own.url, 'server.node_name': 'a' };
    const a = await startServer(settings);
    await own.kill();
    await eventually(async () => {
      const { code, out } = await run(a, 'connections');
      return code === 1 && out.includes('not all: other nodes were not asked: Redis is away');
    }, 'it to be said');
  });
});

describe('what is in force', () => {
  test('is listed per node: mode, admission, rates, levels, revocations, traced topics', async () => {
    const [a, b] = await twoNodes();
    const admin = new Admin(a.port);
    await admin.post('/admin/emergency-mode', { mode: 'read_only', ttl_secs: 600 });
    await admin.put('/admin/config/rate-limits', { user_rps: 7 });
    await admin.put('/admin/config/log-level', { level: 'error,connection=warn', ttl_secs: 60, node: 'b' });
    await admin.post('/admin/tokens/revoke', { jti: 'stolen' });
    await admin.post('/admin/tokens/revoke', { user: 'mallory' });
    await admin.post('/admin/trace', { topics: 'chat.**', enabled: true });
    const { body } = await new Admin(b.port).get('/admin/emergency-status');
    const both = {
      mode: { is: 'read_only', until: expect.stringMatching(/^20/) },
      admission: { admits: true, until: null },
      rates: { user_rps: { per_second: 7, configured: expect.any(Number), until: null } },
      revocations: {
        total: 2,
        newest: [
          { of: 'user', who: '/mallory' },
          { of: 'token', who: 'stolen' },
        ],
      },
      traced: [{ pattern: 'chat.**', until: null }],
      problem: null,
    };
    expect(body['nodes']).toMatchObject([
      { node: 'b', ...both, log_level: { level: 'error,connection=warn', until: expect.stringMatching(/^20/) } },
      { node: 'a', ...both },
    ]);
    const text = await run(a, 'emergency', 'status');
    expect(text.code).toBe(0);
    for (const line of [
      /^a\n +mode +read_only, until 20/,
      /user_rps +7, changed from/,
      /user \/mallory/,
      /traced +chat/,
    ])
      expect(text.out).toMatch(line);
    expect((await run(a, 'emergency', 'status', '--node', 'b')).out).not.toMatch(/^a$/m);
  });

  test('a thousand revocations are counted and the newest listed', async () => {
    const server = await startServer({ 'admin.token': ADMIN_TOKEN });
    const { revocations } = server.running.node.parts.authenticator;
    const now = Date.now();
    for (let at = 0; at < 1_000; at += 1) revocations.add({ jti: `j${at}`, tenant: '' }, now, now + 60_000);
    const { body } = await new Admin(server.port).get('/admin/emergency-status');
    const [node] = body['nodes'] as { revocations: { total: number; newest: { who: string }[] } }[];
    expect(node?.revocations.total).toBe(1_000);
    expect(node?.revocations.newest).toHaveLength(50);
    expect(node?.revocations.newest[0]?.who).toBe('j999');
  });
});

test('a dry run says what would happen, not that it was refused', async () => {
  const server = await startServer({ 'admin.token': ADMIN_TOKEN });
  const { code, out } = await run(server, 'emergency', 'read-only', '--dry-run');
  expect([code, out]).toEqual([0, expect.stringContaining('test-node: would be applied')]);
  expect(out).not.toContain('not applied');
});

describe('a malformed message id', () => {
  test.each([
    ['why', 'nonsense', '--user', 'alice'],
    ['trace', 'nonsense'],
    ['trace', '1-2-3'],
  ])('is a usage error of %s that says what an id looks like', async (...args) => {
    const { code, err } = await signalbox(args, { ADMIN_TOKEN });
    expect([code, err]).toEqual([2, expect.stringContaining('expected a message id (<milliseconds>-<sequence>-')]);
  });

  test('is refused over HTTP', async () => {
    const server = await startServer({ 'admin.token': ADMIN_TOKEN });
    const { status, body } = await new Admin(server.port).get('/admin/trace/nonsense?user=alice');
    expect([status, body]).toMatchObject([400, { error: { reason: 'invalid_field' } }]);
  });
});
