/** Real workers of a real parent on a real Redis: they share a port and are one service. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ADMIN_TOKEN } from './harness/admin.ts';
import { connect, type Connection } from './harness/client.ts';
import { eventually, within } from './harness/deadline.ts';
import { freePort } from './harness/free-port.ts';
import { signalbox } from './harness/process.ts';
import { startRedis, type RedisServer } from './harness/redis-server.ts';
import { startServer } from './harness/server.ts';
import { SECRET } from './harness/tokens.ts';
import { SLOW_MS, startWorkers, type WorkerService } from './harness/workers.ts';

const TOPIC = 'chat.lobby';
const TEST_MS = 120_000;

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});

const nodeOf = ({ connected }: Connection): string => connected.node;

/** Clients until each worker has one: the kernel chooses by the addresses. */
async function oneOnEach(port: number): Promise<[Connection, Connection]> {
  const found = new Map<string, Connection>();
  while (found.size < 2) {
    const client = await connect(port, { user: `user-${found.size}` });
    if (found.has(nodeOf(client))) await client.close();
    else found.set(nodeOf(client), client);
  }
  return [found.get('web-w1') as Connection, found.get('web-w2') as Connection];
}

describe('together', () => {
  test('they share the clients, the topics, the figures and the commands', { timeout: TEST_MS }, async () => {
    const service = await startWorkers(redis);
    const crowd = await Promise.all(Array.from({ length: 40 }, () => connect(service.port)));
    expect([...new Set(crowd.map(nodeOf))].toSorted((a, b) => a.localeCompare(b))).toEqual(['web-w1', 'web-w2']);

    const [first, second] = await oneOnEach(service.port);
    for (const client of [first, second]) await client.subscribe(TOPIC);
    await first.publishAll(TOPIC, [1, 2]);
    await second.publishAll(TOPIC, [3]);
    for (const client of [first, second])
      expect((await client.take(3)).map(({ data }) => data.payload)).toEqual([1, 2, 3]);

    // The parent's figures are the sums of theirs.
    expect(await service.metric('signalbox_published_total')).toBe(3);
    const each = await Promise.all(
      ['web-w1', 'web-w2'].map((node) => service.metric('signalbox_connections', `?node=${node}`)),
    );
    const sum = (each[0] ?? 0) + (each[1] ?? 0);
    expect(Math.min(...each)).toBeGreaterThan(0);
    expect([sum, await service.metric('signalbox_connections')]).toEqual([42, 42]);
    expect((await service.admin.get('/health')).body).toMatchObject({ status: 'healthy', active_connections: 42 });
    expect((await service.admin.get('/health/ready')).body).toMatchObject({ ready: true, workers_ready: 2 });
    expect((await service.admin.get('/health/live')).status).toBe(200);
    const verb = ['server.workers=2', `admin.port=${new URL(service.admin.url).port}`, `redis.url=${redis.url}`];
    const health = await signalbox(['health', ...verb.flatMap((set) => ['--set', set])], { JWT_SECRET: SECRET });
    expect([health.code, health.out]).toEqual([0, expect.stringContaining('"workers_ready":2')]);
    expect(await service.metric('signalbox_mode\\{mode="running"\\}')).toBe(1);
    await expectFiguresAsJson(service);

    // What only one of them could answer is not on the shared port.
    for (const path of ['/metrics', '/metrics.json', '/admin/nodes', '/admin/console'])
      expect((await fetch(`http://127.0.0.1:${service.port}${path}`)).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${service.port}/health/ready`)).status).toBe(200);

    const { admin } = service;
    // The page is the parent's own: its sockets go to the port that the workers share.
    const page = await fetch(`${admin.url}/admin/console`);
    expect([page.status, await page.text()]).toEqual([
      200,
      expect.stringContaining(`content="ws://127.0.0.1:${service.port}/ws"`),
    ]);
    expect((await fetch(`${admin.url}/admin/console/console.js`)).status).toBe(200);
    expect((await admin.call('GET', '/admin/nodes', undefined, null)).status).toBe(401);
    expect((await admin.get('/admin/nodes')).body).toMatchObject({ nodes: [{ node: 'web-w1' }, { node: 'web-w2' }] });
    for (const node of ['web-w1', 'web-w2'])
      expect((await admin.get(`/admin/topics?node=${node}`)).body).toMatchObject({ node, topics: [{ topic: TOPIC }] });
    expect((await admin.get('/admin/topics?node=web-w3')).body).toMatchObject({
      error: { reason: 'not_found', message: expect.stringContaining('web-w1, web-w2') },
    });
    const one = await admin.get(`/admin/connections/${second.connected.connection_id}`);
    expect(one.body).toMatchObject({ id: second.connected.connection_id });
    const change = await admin.post('/admin/emergency-mode', { mode: 'read_only' });
    expect((change.body['nodes'] as { applied: boolean }[]).map(({ applied }) => applied)).toEqual([true, true]);
    for (const client of [first, second])
      expect((await client.publish(TOPIC, 'x')).data).toMatchObject({ reason: 'read_only' });

    expect((await admin.post('/admin/drain', {})).body).toMatchObject({ error: { reason: 'invalid_field' } });
    await admin.post('/admin/drain', { node: 'web-w2' });
    expect((await within(second.closed, 'the end of its connection')).code).toBe(4101);
    await eventually(async () => (await service.worker('web-w2')).state === 'gone', 'the worker to be gone', SLOW_MS);
    expect((await admin.get('/health')).body).toMatchObject({ status: 'degraded', workers_serving: 1 });
    // Nobody is missing in the sums, and with the last worker the parent ends.
    expect(await service.metric('signalbox_published_total')).toBe(3);
    await admin.post('/admin/drain', { node: 'web-w1' });
    expect(await within(service.process.exited, 'the parent to end', SLOW_MS)).toBe(0);
  });
});

test('a node of the service that is none of the workers is asked by one of them', { timeout: TEST_MS }, async () => {
  const { admin, prefix } = await startWorkers(redis);
  const settings = { 'redis.url': redis.url, 'redis.prefix': prefix, 'server.node_name': 'other' };
  await startServer({ ...settings, 'admin.token': ADMIN_TOKEN });
  expect((await admin.get('/admin/topics?node=other')).body).toMatchObject({ node: 'other', topics: [] });
  expect((await admin.get('/metrics.json?node=other')).status).toBe(404);
});

/** The sums as JSON, in the form that a single node gives them, and those of one worker. */
async function expectFiguresAsJson({ admin }: WorkerService): Promise<void> {
  const { body } = await admin.get('/metrics.json');
  expect(body).toMatchObject({
    active_connections: 42,
    rate_limit_stats: { enabled: false, limited: { connection: 0, user: 0, global: 0 } },
    metrics: { signalbox_published_total: 3, signalbox_delivery_unaccounted: 0, signalbox_routed_topics: 2 },
  });
  const { metrics } = body as { metrics: Record<string, unknown> };
  expect(metrics['signalbox_workers']).toContainEqual({ state: 'serving', value: 2 });
  expect(metrics['signalbox_worker_restarts_total']).toEqual([
    { worker: 'web-w1', value: 0 },
    { worker: 'web-w2', value: 0 },
  ]);
  const negotiated = await admin.call('GET', '/metrics', undefined, null, { accept: 'application/json' });
  expect(negotiated.body).toMatchObject({ active_connections: 42 });
  const each = await Promise.all(['web-w1', 'web-w2'].map((node) => admin.get(`/metrics.json?node=${node}`)));
  const connections = each.map((one) => Number(one.body['active_connections']));
  expect([connections.reduce((sum, count) => sum + count), Math.min(...connections) > 0]).toEqual([42, true]);
  // One node has the same keys, but for what only a parent of workers counts.
  const one = Object.keys(each[0]?.body['metrics'] ?? {});
  const more = Object.keys(metrics).filter((name) => !one.includes(name));
  expect(more).toEqual(['signalbox_workers', 'signalbox_worker_restarts_total']);
  expect(one.filter((name) => !(name in metrics))).toEqual([]);
  expect((await admin.get('/metrics.json?node=nobody')).status).toBe(404);
}

describe('the configuration', () => {
  const problems = async (...sets: string[]): Promise<string> => {
    const args = ['serve', '--workers', '3', ...sets.flatMap((assignment) => ['--set', assignment])];
    const { code, err } = await signalbox(args, { JWT_SECRET: SECRET });
    expect(code).toBe(2);
    return err;
  };

  test('needs Redis, a port for the parent, room in the name for a number, and no polls of Socket.IO', async () => {
    const all = await problems(`server.node_name=${'n'.repeat(61)}`, 'socketio.enabled=true');
    expect(all).toContain('socketio.transports: expected ["websocket"] with server.workers');
    expect(all).toContain('redis.url: expected a Redis for the 3 workers (server.workers)');
    expect(all).toContain('admin.port: expected a port beside server.port: the parent of the workers');
    expect(all).toContain('server.node_name: expected at most 60 characters');
    expect(all).toContain('the configuration has 4 problems');
  });

  test('a port that is taken is named, also by workers that would share it', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const sets = [`redis.url=${redis.url}`, `admin.port=${await freePort()}`];
    const args = ['serve', '--workers', '2', '--host', '127.0.0.1', '--port', String(port)];
    const { code, err } = await signalbox([...args, ...sets.flatMap((it) => ['--set', it])], { JWT_SECRET: SECRET });
    expect([code, err]).toEqual([1, expect.stringContaining(`cannot listen on 127.0.0.1:${port}`)]);
  });
});
