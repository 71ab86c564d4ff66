/** The end of a real server: it says so, loses nothing that was acknowledged, and lets its clients go in turn. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { connect, type Connection } from './harness/client.ts';
import { eventually, within } from './harness/deadline.ts';
import { spawnServer, startProcess, type ServerProcess } from './harness/process.ts';
import { RawReader } from './harness/raw-reader.ts';
import { handshake, refusalIn } from './harness/raw.ts';
import { SECRET, tokenOf } from './harness/tokens.ts';

const TOPIC = 'chat.lobby';

function set(...assignments: readonly string[]): string[] {
  return assignments.flatMap((assignment) => ['--set', assignment]);
}

async function crowd(port: number, size: number): Promise<Connection[]> {
  const token = await tokenOf('alice');
  return Promise.all(Array.from({ length: size }, () => connect(port, { token })));
}

interface Ended {
  readonly code: number;
  readonly at: number;
}

/** When and how each connection ends. */
function endings(clients: readonly Connection[]): Promise<Ended[]> {
  return Promise.all(clients.map(({ closed }) => closed.then(({ code }) => ({ code, at: performance.now() }))));
}

async function ready(server: ServerProcess): Promise<number> {
  return (await fetch(`http://127.0.0.1:${server.port}/health/ready`)).status;
}

describe('with 200 clients', () => {
  const SETTINGS = set(
    'websocket.max_connections_per_user=1000',
    'shutdown.closes_per_second=100',
    'shutdown.grace_secs=4',
    'rate_limiting.enabled=false',
  );

  test('SIGTERM: not ready, everybody is told, everything queued arrives, closes are spread, exit code 0', async () => {
    const server = await startProcess(SETTINGS);
    expect(await ready(server)).toBe(200);
    const clients = await crowd(server.port, 200);
    await Promise.all(clients.map((client) => client.subscribe(TOPIC)));
    const ended = endings(clients);
    const publisher = clients[0] as Connection;
    const acks = await Promise.all(Array.from({ length: 50 }, (_, at) => publisher.publish(TOPIC, at)));
    expect(acks.every(({ data }) => data.status === 'delivered' && data.recipients === 200)).toBe(true);
    server.signal('SIGTERM');

    await publisher.waitFor(({ data }) => data.status === 'draining', 'the news of the drain');
    expect(await ready(server)).toBe(503);
    const answer = await handshake(server.port, { Authorization: `Bearer ${await tokenOf('late')}` });
    expect(refusalIn(answer)).toMatchObject({ code: 503, reason: 'not_admitting' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);

    const codes = await within(ended, 'the end of every connection');
    expect(new Set(codes.map(({ code }) => code))).toEqual(new Set([4101]));
    const times = codes.map(({ at }) => at).sort((a, b) => a - b);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(1_000);

    const waits = clients.map((client) => {
      const told = client.frames.filter(({ data }) => data.status === 'draining');
      expect(told).toHaveLength(1);
      const [{ reconnect_after_ms: wait }] = told.map(({ data }) => data.details) as [{ reconnect_after_ms: number }];
      return wait;
    });
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...waits)).toBeLessThanOrEqual(2_000);
    expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(1_000);
    expect(new Set(waits).size).toBeGreaterThan(100);
    for (const client of clients)
      expect(client.untaken('Broadcast').map(({ data }) => data.payload)).toEqual(acks.map((_, at) => at));

    expect(await within(server.exited, 'the exit')).toBe(0);
    expect(server.lines().map(({ message }) => message)).toEqual(
      expect.arrayContaining(['Serving', 'Stopping', 'Mode changed', 'Stopped']),
    );
    expect(server.errors).toBe('');
  });

  test('nobody is closed before the moment that it was given, counted from the news', async () => {
    const server = await startProcess(SETTINGS);
    const clients = await crowd(server.port, 200);
    const told = clients.map((client) => {
      const news = Promise.withResolvers<number>();
      client.onFrame = ({ data }) => {
        const { reconnect_after_ms: wait } = (data.details ?? {}) as { reconnect_after_ms?: number };
        if (wait !== undefined) news.resolve(wait);
      };
      return news.promise;
    });
    const ended = endings(clients);
    // The news cannot be older. When it came is no measure: a busy machine reads it late, and the server counts from its own.
    const signalled = performance.now();
    server.signal('SIGTERM');
    const moments = (await within(Promise.all(told), 'the news of the drain')).map((wait) => signalled + wait);
    const ends = (await within(ended, 'the end of every connection')).map(({ at }) => at);
    expect(ends.filter((at, client) => at < (moments[client] ?? Infinity))).toEqual([]);
    // In the order of the moments, each about the same margin later. Steps are of 50 ms, and this machine is busy.
    const byMoment = moments
      .map((moment, client) => ({ moment, end: ends[client] ?? 0 }))
      .sort((a, b) => a.moment - b.moment);
    const [first, middle, last] = [0, 100, 199].map((at) => byMoment[at]?.end ?? 0) as [number, number, number];
    expect([first < middle, middle < last]).toEqual([true, true]);
    const swapped = byMoment.filter(({ moment, end }) =>
      byMoment.some((other) => other.moment > moment + 300 && other.end < end),
    );
    expect(swapped).toEqual([]);
  });

  test('while it drains a client is served: what is published reaches the clients that are still there', async () => {
    const server = await startProcess(SETTINGS);
    await crowd(server.port, 198);
    // They come last and go last: two seconds after the first.
    const [other, last] = [await connect(server.port), await connect(server.port)];
    await last.subscribe(TOPIC);
    server.signal('SIGTERM');
    await other.waitFor(({ data }) => data.status === 'draining', 'the news of the drain');
    expect((await other.publish(TOPIC, 'in between')).data).toMatchObject({ status: 'delivered', recipients: 1 });
    expect((await last.next('Broadcast')).data.payload).toBe('in between');
    expect(await within(server.exited, 'the exit')).toBe(0);
  });
});

test('SIGINT does the same', async () => {
  const server = await startProcess();
  const clients = await crowd(server.port, 5);
  const ended = endings(clients);
  expect(await server.end('SIGINT')).toBe(0);
  expect((await ended).map(({ code }) => code)).toEqual([4101, 4101, 4101, 4101, 4101]);
  const stopping = server.lines().find(({ message }) => message === 'Stopping');
  expect(stopping).toMatchObject({ reason: 'SIGINT', connections: 5 });
});

test('SIGHUP drains too, and SIGUSR1 opens no inspector', async () => {
  const server = await startProcess();
  const { closed } = await connect(server.port, { token: await tokenOf('alice') });
  server.child.kill('SIGUSR1');
  expect(await ready(server)).toBe(200);
  server.child.kill('SIGHUP');
  expect((await within(closed, 'the close')).code).toBe(4101);
  expect(await within(server.exited, 'the end')).toBe(0);
  expect(server.errors).toBe('');
});

test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s while it starts ends it, exit code 0', async (signal) => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const asked = once(silent, 'connection');
  const server = spawnServer([], { JWT_SECRET: SECRET, REDIS_URL: `redis://127.0.0.1:${port}` });
  await within(asked, 'the start to come to Redis');
  server.child.kill(signal);
  expect(await within(server.exited, 'the end')).toBe(0);
  expect(server.output).not.toContain('"message":"Serving"');
  silent.close();
});

test('without clients it ends at once', async () => {
  const server = await startProcess(set('shutdown.grace_secs=600'));
  expect(await ready(server)).toBe(200);
  expect(await server.end()).toBe(0);
  expect(server.lines().find(({ message }) => message === 'Stopping')).toMatchObject({ reason: 'SIGTERM' });
});

test('a second signal ends it without waiting', async () => {
  const server = await startProcess(set('shutdown.closes_per_second=1', 'shutdown.grace_secs=600'));
  const clients = await crowd(server.port, 50);
  const ended = endings(clients);
  server.signal('SIGTERM');
  await clients[49]?.waitFor(({ data }) => data.status === 'draining', 'the news of the drain');
  expect(await server.end('SIGINT')).toBe(1);
  expect((await ended).map(({ code }) => code)).toContain(1006);
});

test('who does not read holds nobody up', async () => {
  const server = await startProcess(set('rate_limiting.enabled=false'));
  const reader = await RawReader.open(server.port, 'slow');
  await reader.ask('Subscribe', { topics: [TOPIC] });
  reader.stopReading();
  const publisher = await connect(server.port);
  const isBlocked = async (): Promise<boolean> => {
    await Promise.all(Array.from({ length: 40 }, () => publisher.publish(TOPIC, 'x'.repeat(60_000))));
    const answer = await fetch(`http://127.0.0.1:${server.port}/metrics.json`);
    const { metrics } = (await answer.json()) as { metrics: Record<string, unknown> };
    return metrics['signalbox_connections_blocked'] === 1;
  };
  await eventually(isBlocked, 'a socket without room');
  expect(await server.end()).toBe(0);
  expect((await within(publisher.closed, 'the close')).code).toBe(4101);
});
