/** nginx and HAProxy with the configurations of deploy/, between two real nodes and a real client. */
import { request as httpRequest } from 'node:http';
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../src/config/load.ts';
import { connect, dial, type Connection, type Format } from './harness/client.ts';
import { eventually, within } from './harness/deadline.ts';
import { proxyConfig, startProxy, type ProxyName, type ProxyOptions, type RunningProxy } from './harness/proxy.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { SECRET, tokenOf } from './harness/tokens.ts';
import { isMissing } from './harness/tools.ts';

const PROXIES: readonly ProxyName[] = ['nginx', 'haproxy'];

interface Setup {
  readonly servers: readonly [TestServer, TestServer];
  readonly proxy: RunningProxy;
}

async function setUp(
  name: ProxyName,
  settings: Readonly<Record<string, string>> = {},
  options: Partial<ProxyOptions> = {},
): Promise<Setup> {
  const all = { 'server.trusted_proxies': '127.0.0.1', ...settings };
  const servers = [
    await startServer({ ...all, 'server.node_name': 'node-1' }),
    await startServer({ ...all, 'server.node_name': 'node-2' }),
  ] as const;
  const proxy = await startProxy(name, { nodes: [servers[0].port, servers[1].port], silenceSecs: 60, ...options });
  return { servers, proxy };
}

/** Each node has a broker of its own here, so who wants to be heard must be on the same; the proxy alternates. */
async function connectTo(node: string, port: number, format: Format): Promise<Connection> {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const client = await connect(port, { format });
    if (client.connected.node === node) return client;
  }
  throw new Error(`expected one of ten connections to reach ${node}`);
}

/** The status of a handshake's answer, from an address of this machine, and the seconds after which to come back. */
function shakeHands(
  port: number,
  from: string,
  headers: Readonly<Record<string, string>>,
): Promise<readonly [status: number, retryAfter: number]> {
  const answer = new Promise<readonly [number, number]>((resolve, reject) => {
    const upgrade = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
    };
    const asked = httpRequest({
      // A connection of its own, as every WebSocket has: one that is kept may be closed by the proxy when it is used again.
      agent: false,
      host: '127.0.0.1',
      port,
      path: '/ws',
      localAddress: from,
      headers: { ...upgrade, ...headers },
    });
    asked.on('response', (response) => {
      response.resume();
      resolve([response.statusCode ?? 0, Number(response.headers['retry-after'] ?? 0)]);
    });
    asked.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve([response.statusCode ?? 0, 0]);
    });
    asked.on('error', reject);
    asked.end();
  });
  return within(answer, 'the answer to the handshake');
}

/** Seconds that the configuration gives a time-out. */
function seconds(config: string, directive: RegExp): number {
  const [, value = ''] = directive.exec(config) ?? [];
  return Number(value);
}

describe('time-outs', () => {
  const { websocket } = loadConfig({ files: [], environment: { JWT_SECRET: SECRET }, flags: new Map() }).config;

  test.each([
    { name: 'nginx' as const, directive: /proxy_read_timeout (\d+)s;/ },
    { name: 'nginx' as const, directive: /proxy_send_timeout (\d+)s;/ },
    { name: 'haproxy' as const, directive: /timeout tunnel +(\d+)s/ },
  ])(
    '$name, $directive: the server pings before it, and is the one who ends a silent connection',
    ({ name, directive }) => {
      const silence = seconds(proxyConfig(name), directive);
      expect(silence).toBeGreaterThan(websocket.heartbeat_interval_secs);
      expect(silence).toBeGreaterThan(websocket.client_timeout_secs);
      // A connection whose end nobody heard of must not stay for hours.
      expect(silence).toBeLessThanOrEqual(300);
    },
  );
});

describe.each(PROXIES)('%s', (name) => {
  describe.skipIf(isMissing(name))('in front of two nodes', () => {
    test('L-37: carries connect, subscribe, publish, both formats, and the close code of the server', async () => {
      const { proxy, servers } = await setUp(name);
      const reader = await connect(proxy.port, { user: 'bob' });
      await reader.subscribe('chat.lobby');
      for (const format of ['json', 'msgpack'] as const) {
        const publisher = await connectTo(reader.connected.node, proxy.port, format);
        await publisher.publish('chat.lobby', { format });
        expect((await reader.next('Broadcast')).data.payload).toEqual({ format });
      }
      // Both nodes got clients.
      expect(servers.filter(({ connections }) => connections > 0)).toHaveLength(2);
      const node = servers.find(({ running }) => running.node.parts.mode.name === reader.connected.node);
      await node?.stop();
      expect((await within(reader.closed, 'the close')).code).toBe(4101);
    });

    test('an idle connection outlives the silence that the proxy allows, because the server pings', async () => {
      const settings = { 'websocket.heartbeat_interval_secs': '1', 'websocket.client_timeout_secs': '3' };
      const { proxy } = await setUp(name, settings, { silenceSecs: 2 });
      const client = await connect(proxy.port);
      const until = performance.now() + 4_500;
      // Nothing is sent here: only the pings of the server, and the pongs of the library.
      await eventually(() => client.isClosed || performance.now() > until, 'twice the silence');
      expect(client.isClosed).toBe(false);
      await client.subscribe('chat.lobby');
      await client.publish('chat.lobby', 'still here');
      expect((await client.next('Broadcast')).data.payload).toBe('still here');
    });

    test('a heartbeat that is longer than that silence loses idle connections: what the time-outs are for', async () => {
      const { proxy } = await setUp(name, {}, { silenceSecs: 1 });
      const client = await connect(proxy.port);
      expect((await within(client.closed, 'the end of the connection')).code).toBe(1006);
    });

    test('the node sees the address of the client, and one that the client made up does not help it', async () => {
      const { proxy } = await setUp(name, { 'auth.failures_per_minute': '2' });
      const wrong = { authorization: `Bearer ${await tokenOf('alice', { secret: 'x'.repeat(40) })}` };
      const statuses: number[] = [];
      // Two nodes count for themselves.
      for (let attempt = 0; attempt < 8; attempt += 1)
        statuses.push(
          (await shakeHands(proxy.port, '127.0.0.5', { ...wrong, 'x-forwarded-for': `9.9.9.${attempt}` }))[0],
        );
      expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(4);
      expect(statuses.filter((status) => status === 401).length).toBe(
        8 - statuses.filter((status) => status === 429).length,
      );
      // From another address the same token is only wrong.
      expect((await shakeHands(proxy.port, '127.0.0.6', wrong))[0]).toBe(401);
    });

    // A browser and the client library would rather be refused inside WebSocket: a proxy sees nothing of that.
    test.each([
      { who: 'a backend', options: {} },
      { who: 'the client library', options: { query: { refuse: 'close' } } },
      { who: 'a browser', options: { headers: { origin: 'https://app.example.com' } } },
    ])('a node that takes nobody is passed over for $who, also before the proxy has noticed', async ({ options }) => {
      const { proxy, servers } = await setUp(name, { 'security.allowed_origins': 'https://app.example.com' });
      servers[0].running.node.parts.mode.send({ type: 'REFUSE' });
      const clients = await Promise.all(Array.from({ length: 6 }, () => connect(proxy.port, options)));
      expect(clients).toHaveLength(6);
      expect(servers.map(({ connections }) => connections)).toEqual([0, 6]);
    });

    test('two nodes that take nobody: everybody hears their 503 and when to come back, and who is connected stays', async () => {
      const { proxy, servers } = await setUp(name);
      const reader = await connect(proxy.port);
      for (const { running } of servers) running.node.parts.mode.send({ type: 'REFUSE' });
      const asked = await tokenOf('alice');
      const everybodyHears = async (): Promise<void> => {
        // More than would make nginx forget a node that fails (`max_fails`).
        for (let attempt = 0; attempt < 10; attempt += 1) {
          const answer = await shakeHands(proxy.port, '127.0.0.1', { authorization: `Bearer ${asked}` });
          expect(answer).toEqual([503, expect.toSatisfy((seconds: number) => seconds > 0)]);
        }
        expect((await fetch(`http://127.0.0.1:${proxy.port}/info`)).status).toBe(200);
      };
      await everybodyHears();
      if (name === 'haproxy') {
        await eventually(() => proxy.log().includes('backend signalbox has no server available'), 'it to have noticed');
        await everybodyHears();
      }
      await reader.subscribe('chat.lobby');
      await reader.publish('chat.lobby', 'still here');
      expect((await reader.next('Broadcast')).data.payload).toBe('still here');
    });

    test('metrics and administration are not for the public; health is', async () => {
      const { proxy } = await setUp(name);
      const status = async (path: string): Promise<number> =>
        (await fetch(`http://127.0.0.1:${proxy.port}${path}`)).status;
      expect(await Promise.all(['/metrics', '/metrics.json', '/admin', '/admin/connections'].map(status))).toEqual([
        404, 404, 404, 404,
      ]);
      expect(await Promise.all(['/health', '/health/ready', '/info'].map(status))).toEqual([200, 200, 200]);
    });

    test('no token gets into its log', async () => {
      const { proxy } = await setUp(name, { 'auth.query_token': 'true' });
      const token = await tokenOf('alice');
      const client = await dial(proxy.port, { token: null, protocols: [], query: { token } });
      await within(client.opened, 'the handshake');
      await client.close();
      await eventually(() => proxy.log().includes('/ws'), 'the line of the connection');
      expect(proxy.log()).not.toContain(token);
      expect(proxy.log()).not.toContain('token=');
    });
  });
});
