/** Real workers of a real parent on a real Redis: they share a port and are one service, whatever becomes of one of them. */
import { createServer, get } from 'node:http';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from './harness/admin.ts';
import { connect, type Connection } from './harness/client.ts';
import { eventually, within } from './harness/deadline.ts';
import { freePort } from './harness/free-port.ts';
import { startRedis, type RedisServer } from './harness/redis-server.ts';
import { signalbox, startProcess, type ServerProcess } from './harness/process.ts';
import { startServer } from './harness/server.ts';
import { SECRET } from './harness/tokens.ts';

const TOPIC = 'chat.lobby';
/** Starting processes takes its time on a machine that has other things to do. */
const SLOW_MS = 15_000;
const TEST_MS = 60_000;
/** Clients that connect at the same time while workers are replaced: somebody always stands in a queue of the kernel. */
const KNOCKING = 16;
/** Whether the kernel moves who stands before a listener that closes; workers-kernel.test.ts runs this where it does. */
const MOVES = readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'utf8').trim() === '1';

let redis: RedisServer;
let lastPrefix = 0;
beforeAll(async () => {
  redis = await startRedis();
});

interface WorkerReport {
  readonly name: string;
  readonly pid: number | null;
  readonly state: string;
  readonly restarts: number;
  readonly connections: number;
}

class Service {
  readonly process: ServerProcess;
  readonly admin: Admin;

  constructor(process: ServerProcess, adminPort: number) {
    this.process = process;
    this.admin = new Admin(adminPort);
  }

  get port(): number {
    return this.process.port;
  }

  async workers(): Promise<readonly WorkerReport[]> {
    return (await this.admin.get('/health')).body['workers'] as readonly WorkerReport[];
  }

  async worker(name: string): Promise<WorkerReport> {
    return (await this.workers()).find((it) => it.name === name) as WorkerReport;
  }

  /** Lines of `/metrics` that begin with the name, each as the sum of its series. */
  async metric(name: string, query = ''): Promise<number> {
    const text = await (await fetch(`${this.admin.url}/metrics${query}`)).text();
    const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].map(([, value]) =>
      Number(value),
    );
    return values.reduce((sum, value) => sum + value, 0);
  }

  /** Ends a worker as a crash does, and resolves when another process serves in its place. */
  async crash(name: string): Promise<void> {
    const { pid, restarts } = await this.worker(name);
    process.kill(pid ?? 0, 'SIGKILL');
    await eventually(
      async () => {
        const now = await this.worker(name);
        return now.restarts === restarts + 1 && now.state === 'serving';
      },
      `${name} to be replaced`,
      SLOW_MS,
    );
  }
}

async function startService(settings: Readonly<Record<string, string>> = {}): Promise<Service> {
  lastPrefix += 1;
  const all = {
    'redis.url': redis.url,
    'redis.prefix': `workers${lastPrefix}`,
    'server.node_name': 'web',
    'admin.port': '0',
    'rate_limiting.enabled': 'false',
    'websocket.max_connections_per_user': '1000',
    ...settings,
  };
  const sets = Object.entries(all).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const server = await startProcess(['--workers', '2', ...sets], { ADMIN_TOKEN });
  const [, adminPort] = /"admin_port":(\d+)/.exec(server.output) ?? [];
  return new Service(server, Number(adminPort));
}

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
    const service = await startService();
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
    for (const path of ['/metrics', '/metrics.json', '/admin/nodes'])
      expect((await fetch(`http://127.0.0.1:${service.port}${path}`)).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${service.port}/health/ready`)).status).toBe(200);

    const { admin } = service;
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
  const { admin } = await startService();
  const settings = { 'redis.url': redis.url, 'redis.prefix': `workers${lastPrefix}`, 'server.node_name': 'other' };
  await startServer({ ...settings, 'admin.token': ADMIN_TOKEN });
  expect((await admin.get('/admin/topics?node=other')).body).toMatchObject({ node: 'other', topics: [] });
  expect((await admin.get('/metrics.json?node=other')).status).toBe(404);
});

/** The sums as JSON, in the form that a single node gives them, and those of one worker. */
async function expectFiguresAsJson({ admin }: Service): Promise<void> {
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

/** Comes back wherever it is let in, with its position, as a client library does. */
class Follower {
  readonly sequences: number[] = [];
  readonly codes: number[] = [];
  stays = true;
  gaps = 0;
  /** How connects broke. */
  readonly failures: string[] = [];
  private epoch: string | undefined;
  private readonly port: number;

  constructor(port: number) {
    this.port = port;
  }

  private failed(error: unknown): null {
    this.failures.push(String(error));
    return null;
  }

  get last(): number {
    return this.sequences.at(-1) ?? 0;
  }

  async follow(started: () => void): Promise<void> {
    while (this.stays) {
      const client = await connect(this.port, { user: 'follower' }).catch((error: unknown) => this.failed(error));
      if (client === null) continue;
      client.onFrame = (frame) => {
        if (frame.type === 'Broadcast') this.sequences.push(frame.data.sequence);
        if (frame.type === 'Gap') this.gaps += 1;
      };
      const from = this.epoch === undefined ? TOPIC : { topic: TOPIC, epoch: this.epoch, sequence: this.last };
      const subscribed = await client.subscribe(from).catch(() => null);
      this.epoch ??= subscribed?.positions[TOPIC]?.epoch;
      started();
      this.codes.push((await client.closed).code);
    }
  }
}

async function startFollowers(port: number, count: number): Promise<{ all: Follower[]; ended: Promise<unknown> }> {
  const all = Array.from({ length: count }, () => new Follower(port));
  const ends: Promise<void>[] = [];
  await Promise.all(all.map((follower) => new Promise<void>((resolve) => void ends.push(follower.follow(resolve)))));
  return { all, ended: Promise.all(ends) };
}

/** Publishes until told to stop, each message until it is acknowledged. Returns how many. */
async function publishUntil(port: number, isDone: () => boolean): Promise<number> {
  let publisher: Connection | null = null;
  let published = 0;
  while (!isDone()) {
    const message = { topic: TOPIC, payload: published + 1, idempotency_key: `n-${published + 1}` };
    let status: unknown;
    // Asked again with the same key when the connection ended before the answer.
    while (status !== 'delivered' && status !== 'duplicate') {
      if (publisher === null || publisher.isClosed)
        publisher = await connect(port, { user: 'publisher' }).catch(() => null);
      status = (await publisher?.ask('Broadcast', message).catch(() => null))?.data.status;
    }
    published += 1;
  }
  await publisher?.close();
  return published;
}

/** Connects again and again until told to stop. Returns which answers there were: statuses, or how the connection broke. */
async function knockUntil(port: number, isDone: () => boolean): Promise<Set<number | string>> {
  const answers = new Set<number | string>();
  const knock = async (): Promise<void> => {
    while (!isDone()) answers.add(await answerOf(port));
  };
  await Promise.all(Array.from({ length: KNOCKING }, knock));
  return answers;
}

/** @param connected told when the kernel has made the connection, before any worker takes it */
function answerOf(port: number, connected: () => void = () => {}): Promise<number | string> {
  const request = get({ port, host: '127.0.0.1', path: '/health/ready', agent: false });
  request.on('socket', (socket) => socket.once('connect', connected));
  return new Promise((resolve) => {
    request.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

const numbers = (to: number): number[] => Array.from({ length: to }, (_, at) => at + 1);

test(
  'SIGHUP replaces them one after the other and SIGTERM drains them: every close is 4101, nothing is lost, exit code 0',
  { timeout: TEST_MS },
  async () => {
    const service = await startService({ 'shutdown.closes_per_second': '10' });
    const before = await service.workers();
    const { all, ended } = await startFollowers(service.port, 12);
    let isRolled = false;
    const publishing = publishUntil(service.port, () => isRolled);
    const knocking = knockUntil(service.port, () => isRolled);
    service.process.child.kill('SIGHUP');
    const { process: parent } = service;
    await eventually(() => parent.output.includes('Rolling restart is done'), 'the rolling restart', 2 * SLOW_MS);
    isRolled = true;
    const published = await publishing;
    const answers = await knocking;
    const after = await service.workers();
    expect(after.map(({ name, state, restarts }) => [name, state, restarts])).toEqual([
      ['web-w1', 'serving', 0],
      ['web-w2', 'serving', 0],
    ]);
    expect(after.some(({ pid }) => before.some((old) => old.pid === pid))).toBe(false);
    expect(published).toBeGreaterThan(10);
    await eventually(() => all.every(({ last }) => last === published), 'everything to arrive', SLOW_MS);
    for (const { sequences, gaps } of all) expect([sequences, gaps]).toEqual([numbers(published), 0]);
    // Clients that came found another worker, and none was told to try again by one that was leaving.
    expect(await service.metric('signalbox_connections_refused_total')).toBe(0);
    expect([...answers].filter((answer) => typeof answer === 'number')).toEqual([200]);
    // What the old workers counted is in the sums: they did not begin anew.
    const connects = all.reduce((sum, { codes }) => sum + codes.length + 1, 0);
    expect(await service.metric('signalbox_connections_accepted_total')).toBeGreaterThan(connects);
    expect(await service.metric('signalbox_connections')).toBe(all.length);

    for (const follower of all) follower.stays = false;
    service.process.signal('SIGTERM');
    expect(await within(service.process.exited, 'the parent to end', SLOW_MS)).toBe(0);
    await within(ended, 'every connection to end');
    expect(new Set(all.flatMap(({ codes }) => codes))).toEqual(new Set([4101]));
    expect(all.flatMap(({ codes }) => codes).length).toBeGreaterThan(all.length);
    // Where the kernel does not move them (deploy/sysctl), who comes in the instant of the close may be reset.
    const failures = all.flatMap((follower) => follower.failures);
    if (MOVES) expect([[...answers], failures]).toEqual([[200], []]);
    expect(service.process.errors).toBe('');
  },
);

test.runIf(MOVES)(
  'who stands in the queue of a worker that ends is moved to another by the kernel, and is answered',
  { timeout: TEST_MS },
  async () => {
    const service = await startService();
    const { pid } = await service.worker('web-w1');
    process.kill(pid ?? 0, 'SIGSTOP');
    let connected = 0;
    let answered = 0;
    const knocks = Array.from({ length: 60 }, async () => {
      const answer = await answerOf(service.port, () => (connected += 1));
      answered += 1;
      return answer;
    });
    await eventually(() => connected === knocks.length, 'every connection to be made');
    // What the worker that stands still was given waits in its queue.
    expect(answered).toBeLessThan(knocks.length);
    process.kill(pid ?? 0, 'SIGKILL');
    expect(new Set(await within(Promise.all(knocks), 'every answer', SLOW_MS))).toEqual(new Set([200]));
  },
);

test(
  'a worker that is killed is started again, its clients lose nothing; one that crashes again and again raises the alert',
  { timeout: TEST_MS },
  async () => {
    const alerts: Record<string, unknown>[] = [];
    const hook = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        alerts.push(JSON.parse(body) as Record<string, unknown>);
        response.end();
      });
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void hook.close());
    await once(hook, 'listening');
    const { port: hookPort } = hook.address() as AddressInfo;
    const service = await startService({ 'admin.alert_webhook': `http://127.0.0.1:${hookPort}/` });
    const { all, ended } = await startFollowers(service.port, 8);
    let isOver = false;
    const publishing = publishUntil(service.port, () => isOver);
    const survivor = await service.worker('web-w2');
    await service.crash('web-w1');
    isOver = true;
    const published = await publishing;
    await eventually(() => all.every(({ last }) => last === published), 'everything to arrive', SLOW_MS);
    for (const { sequences, gaps } of all) expect([sequences, gaps]).toEqual([numbers(published), 0]);
    expect(alerts).toEqual([]);

    await service.crash('web-w1');
    await service.crash('web-w1');
    await eventually(() => alerts.length > 0, 'the alert');
    expect(alerts).toMatchObject([{ message: 'A worker crashes again and again', worker: 'web-w1', crashes: 3 }]);
    expect(await service.worker('web-w2')).toMatchObject({ pid: survivor.pid, restarts: 0 });
    expect(await service.metric('signalbox_worker_restarts_total')).toBe(3);
    const pauses = [...service.process.output.matchAll(/"restart_in_ms":(\d+)/g)].map(([, ms]) => Number(ms));
    for (const [at, base] of [200, 400, 800].entries()) {
      expect(pauses[at]).toBeGreaterThanOrEqual(base * 0.75);
      expect(pauses[at]).toBeLessThanOrEqual(base * 1.25);
    }

    // Without their parent they would hold the port for ever: they drain and end.
    for (const follower of all) follower.stays = false;
    const pids = (await service.workers()).map(({ pid }) => pid ?? 0);
    service.process.signal('SIGKILL');
    await within(ended, 'every connection to end', SLOW_MS);
    await eventually(() => pids.every((pid) => !isRunning(pid)), 'the workers to end', SLOW_MS);
    expect(new Set(all.map(({ codes }) => codes.at(-1)))).toEqual(new Set([4101]));
  },
);

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('a second signal ends all of them at once', { timeout: TEST_MS }, async () => {
  const service = await startService({ 'shutdown.grace_secs': '600', 'shutdown.closes_per_second': '1' });
  const pids = (await service.workers()).map(({ pid }) => pid ?? 0);
  const crowd = await Promise.all(Array.from({ length: 20 }, () => connect(service.port)));
  service.process.signal('SIGTERM');
  await Promise.race(crowd.map((client) => client.status('draining')));
  expect(await service.process.end('SIGINT')).toBe(1);
  await eventually(() => pids.every((pid) => !isRunning(pid)), 'the workers to end');
});

describe('the configuration', () => {
  const problems = async (...sets: string[]): Promise<string> => {
    const args = ['serve', '--workers', '3', ...sets.flatMap((assignment) => ['--set', assignment])];
    const { code, err } = await signalbox(args, { JWT_SECRET: SECRET });
    expect(code).toBe(2);
    return err;
  };

  test('needs Redis, a port for the parent, and room in the name for a number', async () => {
    const all = await problems(`server.node_name=${'n'.repeat(61)}`);
    expect(all).toContain('redis.url: expected a Redis for the 3 workers (server.workers)');
    expect(all).toContain('admin.port: expected a port beside server.port: the parent of the workers');
    expect(all).toContain('server.node_name: expected at most 60 characters');
    expect(all).toContain('the configuration has 3 problems');
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
