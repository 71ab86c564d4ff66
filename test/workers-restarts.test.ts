/** Workers that are replaced, killed and ended: their clients find another one and lose nothing. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { connect, type Connection } from './harness/client.ts';
import { eventually, within } from './harness/deadline.ts';
import { startRedis, type RedisServer } from './harness/redis-server.ts';
import { SLOW_MS, startWorkers } from './harness/workers.ts';

const TOPIC = 'chat.lobby';
const TEST_MS = 120_000;
/** Clients that connect at the same time while workers are replaced: somebody always stands in a queue of the kernel. */
const KNOCKING = 16;
/** Whether the kernel moves who stands before a listener that closes; workers-kernel.test.ts runs this where it does. */
const MOVES = readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'utf8').trim() === '1';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});

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
    const service = await startWorkers(redis, { 'shutdown.closes_per_second': '10' });
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
    const service = await startWorkers(redis);
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
    const service = await startWorkers(redis, { 'admin.alert_webhook': `http://127.0.0.1:${hookPort}/` });
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
  const service = await startWorkers(redis, { 'shutdown.grace_secs': '600', 'shutdown.closes_per_second': '1' });
  const pids = (await service.workers()).map(({ pid }) => pid ?? 0);
  const crowd = await Promise.all(Array.from({ length: 20 }, () => connect(service.port)));
  service.process.signal('SIGTERM');
  await Promise.race(crowd.map((client) => client.status('draining')));
  expect(await service.process.end('SIGINT')).toBe(1);
  await eventually(() => pids.every((pid) => !isRunning(pid)), 'the workers to end');
});
