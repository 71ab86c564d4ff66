/** What the server says over plain HTTP: health, what runs here, metrics, and answers to requests that nobody expects. */
import { appOf } from './harness/apps.ts';
import { describe, expect, test } from 'vitest';
import { version } from '../src/cli/version.ts';
import { METRICS } from '../src/telemetry/metrics.ts';
import { connect } from './harness/client.ts';
import { within } from './harness/deadline.ts';
import { refusalIn, request, write, type Refused } from './harness/raw.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

async function json(server: TestServer, path: string): Promise<{ status: number; body: unknown }> {
  const response = await server.get(path);
  expect(response.headers.get('content-type')).toContain('application/json');
  return { status: response.status, body: await response.json() };
}

describe('health', () => {
  test('of a node that serves', async () => {
    const server = await startServer();
    await connect(server.port);
    expect(await json(server, '/health')).toEqual({
      status: 200,
      body: {
        status: 'healthy',
        node: 'test-node',
        mode: 'running',
        admitting: true,
        active_connections: 1,
        uptime_secs: expect.any(Number),
        broker: 'memory',
      },
    });
    expect(await json(server, '/health/live')).toEqual({ status: 200, body: { status: 'alive' } });
    expect(await json(server, '/health/ready')).toEqual({ status: 200, body: { ready: true, mode: 'running' } });
  });

  test('of a node that takes no new connections: alive and healthy, but not ready', async () => {
    const server = await startServer();
    server.running.node.parts.mode.send({ type: 'REFUSE' });
    expect((await json(server, '/health/ready')).status).toBe(503);
    expect(await json(server, '/health')).toMatchObject({ status: 200, body: { admitting: false } });
  });

  test('of a node that drains: alive, not ready, and it says why', async () => {
    const server = await startServer({ 'shutdown.closes_per_second': '20' });
    const token = await tokenOf('alice');
    for (let at = 0; at < 40; at += 1) await connect(server.port, { token });
    const stopping = server.stop();
    expect(await json(server, '/health/ready')).toEqual({ status: 503, body: { ready: false, mode: 'draining' } });
    expect(await json(server, '/health')).toMatchObject({
      status: 503,
      body: { status: 'draining', admitting: false },
    });
    expect((await json(server, '/health/live')).status).toBe(200);
    await within(stopping, 'the drain');
    await expect(request(server.port, 'GET /health/live', {})).rejects.toThrow('ECONNREFUSED');
  });
});

test('/info says what runs here', async () => {
  const server = await startServer();
  expect((await json(server, '/info')).body).toEqual({
    name: 'signalbox',
    node: 'test-node',
    version,
    node_version: process.version,
    uws_version: expect.stringMatching(/^20\.\d+\.\d+$/),
    protocol_version: 1,
    subprotocols: ['signalbox.json', 'signalbox.json+batch', 'signalbox.msgpack', 'signalbox.msgpack+batch'],
    endpoint: '/ws',
  });
});

describe('metrics', () => {
  const SAMPLE =
    /^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?<labels>(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (?<value>[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|Nan)$/i;

  /** A server on which something of everything has happened. */
  async function busyServer(): Promise<TestServer> {
    const server = await startServer({ 'rate_limiting.connection_burst': '3', 'rate_limiting.connection_rps': '0.1' });
    const client = await connect(server.port, { format: 'msgpack' });
    await client.subscribe('chat.lobby');
    await client.publish('chat.lobby', 'hello');
    await client.next('Broadcast');
    await client.ask('Nonsense', {});
    await client.ask('Nonsense', {});
    await request(server.port, 'GET /ws', {});
    return server;
  }

  test('are valid exposition text: every line, every metric of the table with help and type, once', async () => {
    const server = await busyServer();
    const response = await server.get('/metrics');
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const lines = (await response.text()).split('\n').filter((line) => line !== '');
    const types = new Map<string, string>();
    const helped = new Set<string>();
    for (const line of lines) {
      const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
      if (comment === null) {
        const name = SAMPLE.exec(line)?.groups?.['name'];
        expect(name, line).toBeDefined();
        expect(types.has(name ?? '') || types.has((name ?? '').replace(/_(bucket|sum|count)$/, '')), line).toBe(true);
      } else if (comment[1] === 'TYPE') {
        expect(types.has(comment[2] ?? ''), line).toBe(false);
        types.set(comment[2] ?? '', comment[3] ?? '');
      } else helped.add(comment[2] ?? '');
    }
    for (const { name, type } of METRICS) expect([name, types.get(name), helped.has(name)]).toEqual([name, type, true]);
    expect(lines).toContain('signalbox_published_total 1');
    expect(lines).toContain('signalbox_messages_received_total{type="Broadcast",format="msgpack"} 1');
    expect(lines).toContain('signalbox_mode{mode="running"} 1');
    expect(lines).toContain('signalbox_connections{transport="websocket",format="msgpack"} 1');
    expect([...types.keys()]).toContain('process_resident_memory_bytes');
  });

  test('histograms are cumulative', async () => {
    const server = await busyServer();
    const text = await (await server.get('/metrics')).text();
    const buckets = [...text.matchAll(/^signalbox_publish_to_write_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm)];
    const counts = buckets.map(([, , count]) => Number(count));
    expect(buckets.at(-1)?.[1]).toBe('+Inf');
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(text).toContain(`signalbox_publish_to_write_seconds_count ${counts.at(-1)}`);
    expect(counts.at(-1)).toBe(1);
  });

  test.each([
    { path: '/metrics.json', headers: {} },
    { path: '/metrics', headers: { accept: 'application/json' } },
  ])('as JSON: $path $headers', async ({ path, headers }) => {
    const server = await busyServer();
    const response = await server.get(path, headers);
    expect(response.headers.get('content-type')).toContain('application/json');
    const body = (await response.json()) as { metrics: Record<string, unknown> };
    expect(body).toMatchObject({
      active_connections: 1,
      rate_limit_stats: {
        enabled: true,
        limits: { connection_rps: 0.1, user_rps: 500, global_rps: 10_000 },
        limited: { connection: 1, user: 0, global: 0 },
      },
    });
    expect(Object.keys(body.metrics).sort()).toEqual(METRICS.map(({ name }) => name).sort());
    expect(body.metrics).toMatchObject({
      signalbox_published_total: 1,
      signalbox_delivery_unaccounted: 0,
      signalbox_rate_limited_total: [{ scope: 'connection', value: 1 }],
    });
  });

  test('metrics.enabled = false takes them away', async () => {
    const server = await startServer({ 'metrics.enabled': 'false' });
    expect((await server.get('/metrics')).status).toBe(404);
    expect((await server.get('/metrics.json')).status).toBe(404);
  });
});

describe('requests that nobody expects', () => {
  test.each([
    '/',
    '/nope',
    '/health/',
    '/health/live/x',
    '/%',
    '/%00',
    '/..%2f..%2fetc/passwd',
    `/${'x'.repeat(2_000)}`,
  ])('404 for %s', async (path) => {
    const server = await startServer();
    const answer = await request(server.port, `GET ${path}`, {});
    expect(answer.status).toBe(404);
    expect(refusalIn(answer)).toMatchObject({ code: 404, reason: 'not_found' });
  });

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'BREW'])(
    '405 with Allow for %s on a path that is there',
    async (method) => {
      const server = await startServer();
      for (const path of ['/health', '/metrics', '/info']) {
        const answer = await request(server.port, `${method} ${path}`, {});
        expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET, HEAD']);
      }
      expect((await server.get('/health')).status).toBe(200);
    },
  );

  test.each(['nonsense\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '\r\n\r\n\r\n', '\u0000\u0001\u0002\r\n\r\n'])(
    'bytes that are no HTTP are no reason to fall over: %j',
    async (text) => {
      const server = await startServer();
      const leave = await write(server.port, text);
      expect((await server.get('/health')).status).toBe(200);
      leave();
      expect((await server.get('/health')).status).toBe(200);
    },
  );
});

describe('routes of applications', () => {
  const things = appOf('things', (host) => ({
    routes: [
      host.route({
        method: 'POST',
        path: '/api/things/:name',
        access: 'public',
        summary: 'Takes a thing.',
        body: (z) => z.string(),
        query: (z) => z.object({ q: z.string().optional() }),
        handle: ({ parameters, query, body, header, address }) => ({
          status: 202,
          headers: { 'x-seen': header('x-given') ?? '' },
          body: { name: parameters['name'], q: query.q, body, address },
        }),
      }),
      host.route({
        method: 'GET',
        path: '/api/broken',
        access: 'public',
        summary: 'Fails.',
        handle: () => {
          throw new Error('a fault that clients must not read');
        },
      }),
    ],
  }));

  function post(server: TestServer, body: string): Promise<Response> {
    return within(
      fetch(`${server.url}/api/things/a%20b?q=%C3%A9`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'x-given': 'yes' },
      }),
      'the answer',
    );
  }

  test('get the request whole and answer as they like', async () => {
    const server = await startServer({}, [things]);
    const body = 'é'.repeat(300_000);
    const response = await post(server, body);
    expect([response.status, response.headers.get('x-seen')]).toEqual([202, 'yes']);
    expect(await response.json()).toEqual({ name: 'a b', q: 'é', body, address: '127.0.0.1' });
    const wrong = await server.get('/api/things/x');
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
  });

  test('a body above 1 MiB is 413', async () => {
    const server = await startServer({}, [things]);
    const answer = await request(
      server.port,
      'POST /api/things/x',
      { 'Content-Length': '1048577' },
      'x'.repeat(1_048_577),
    );
    expect(answer.status).toBe(413);
    expect(refusalIn(answer).reason).toBe('payload_too_large');
    expect((await post(server, 'x')).status).toBe(202);
  });

  test('L-26: one that throws is 500, says nothing of the fault, and harms nobody', async () => {
    const server = await startServer({}, [things]);
    const response = await server.get('/api/broken');
    expect(response.status).toBe(500);
    const { error } = (await response.json()) as Refused;
    expect(error).toMatchObject({ code: 500, reason: 'quarantined' });
    expect(error.message).not.toContain('clients must not read');
    expect((await server.get('/health')).status).toBe(200);
  });
});
