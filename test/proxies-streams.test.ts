/** Clients without WebSocket through nginx and HAProxy with the configurations of deploy/: docs/http-streams.md. */
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../src/config/load.ts';
import { Backend } from './harness/backend.ts';
import { eventually } from './harness/deadline.ts';
import { openStream } from './harness/event-stream.ts';
import { proxyConfig, startProxy, type ProxyName, type ProxyOptions, type RunningProxy } from './harness/proxy.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { connectSocketIo } from './harness/socket-io.ts';
import { SECRET, tokenOf } from './harness/tokens.ts';
import { isMissing } from './harness/tools.ts';
import { poll } from './harness/ways.ts';

const TOPIC = 'chat.lobby';

interface Kind {
  readonly title: string;
  readonly name: ProxyName;
  readonly changes: NonNullable<ProxyOptions['changes']>;
}

const KINDS: readonly Kind[] = [
  { title: 'nginx', name: 'nginx', changes: [] },
  { title: 'nginx with buffers', name: 'nginx', changes: [['proxy_buffering off;', 'proxy_buffering on;']] },
  { title: 'HAProxy', name: 'haproxy', changes: [] },
];
/** Seconds of silence after which HAProxy ends what is no tunnel. */
const SHORT_SILENCE: Kind['changes'] = [
  ['timeout client 30s', 'timeout client 2s'],
  ['timeout server 30s', 'timeout server 2s'],
];

interface Setup {
  readonly servers: readonly [TestServer, TestServer];
  readonly proxy: RunningProxy;
}

async function setUp(
  { name, changes }: Kind,
  settings: Readonly<Record<string, string>> = {},
  silenceSecs = 60,
): Promise<Setup> {
  const all = { 'server.trusted_proxies': '127.0.0.1', ...settings };
  const servers = [
    await startServer({ ...all, 'server.node_name': 'node-1' }),
    await startServer({ ...all, 'server.node_name': 'node-2' }),
  ] as const;
  const proxy = await startProxy(name, { nodes: [servers[0].port, servers[1].port], silenceSecs, changes });
  return { servers, proxy };
}

test('time-outs: the server writes before a proxy takes a stream for dead', () => {
  const { streams } = loadConfig({ files: [], environment: { JWT_SECRET: SECRET }, flags: new Map() }).config;
  const seconds = (name: ProxyName, directive: RegExp): number => Number(directive.exec(proxyConfig(name))?.[1]);
  for (const silence of [
    seconds('nginx', /proxy_read_timeout (\d+)s;/),
    seconds('haproxy', /timeout server +(\d+)s/),
    seconds('haproxy', /timeout client +(\d+)s/),
  ]) {
    expect(silence).toBeGreaterThan(streams.heartbeat_interval_secs);
    expect(silence).toBeGreaterThan(streams.max_wait_ms / 1_000);
  }
});

describe.each(KINDS)('$title', (kind) => {
  describe.skipIf(isMissing(kind.name))('in front of two nodes', () => {
    test('carries events as they happen, and the end of the stream', async () => {
      const { proxy, servers } = await setUp(kind);
      const stream = await openStream(proxy.port, { query: { topics: TOPIC }, isCut: true });
      const { node } = await stream.connected();
      await stream.subscribed();
      const server = servers.find(({ running }) => running.node.parts.mode.name === node) as TestServer;
      const backend = await Backend.on(server);
      for (const payload of ['one', 'ö€😀', 'x'.repeat(20_000)]) {
        await backend.publish(TOPIC, payload);
        expect((await stream.next('Broadcast')).data.payload).toBe(payload);
      }
      expect(server.running.node.connections[0]?.address).toBe('127.0.0.1');
      await server.stop();
      expect((await stream.next('Error')).data.code).toBe(4101);
      await eventually(() => stream.isEnded, 'the end');
    });

    test('keeps the polls of a client of Socket.IO at its node, and carries its upgrade', async () => {
      const { proxy, servers } = await setUp(kind, { 'socketio.enabled': 'true' });
      for (const transports of [['polling'], ['polling', 'websocket']]) {
        const client = await connectSocketIo(proxy.port, 'ada', { transports, reconnection: false });
        await client.ask('subscribe', TOPIC);
        for (let number = 1; number <= 5; number += 1) {
          await client.ask('publish', { topic: TOPIC, payload: number });
          expect(await client.messages(1)).toMatchObject([{ payload: number }]);
        }
        await eventually(() => client.transport === transports.at(-1), 'the last transport');
        client.socket.disconnect();
      }
      await eventually(() => servers.every(({ connections }) => connections === 0), 'the nodes to notice');
    });

    test('a client that goes is noticed', async () => {
      const { proxy, servers } = await setUp(kind);
      const stream = await openStream(proxy.port, { query: { topics: TOPIC } });
      await stream.subscribed();
      await stream.drop();
      await eventually(() => servers.every(({ connections }) => connections === 0), 'the node to notice');
    });

    test('a silent stream outlives the silence that the proxy allows, because the server writes', async () => {
      const changes = kind.name === 'haproxy' ? SHORT_SILENCE : kind.changes;
      const { proxy } = await setUp({ ...kind, changes }, { 'streams.heartbeat_interval_secs': '1' }, 2);
      const stream = await openStream(proxy.port, { query: { topics: TOPIC } });
      await stream.subscribed();
      const until = performance.now() + 4_500;
      await eventually(() => stream.isEnded || performance.now() > until, 'twice the silence');
      expect(stream.isEnded).toBe(false);
      expect(stream.parser.comments).toBeGreaterThan(2);
    });

    test('carries polls and frames, and no token gets into its log', async () => {
      const { proxy, servers } = await setUp(kind);
      const { positions } = await poll(proxy.port, 'alice', { topics: [TOPIC], wait_ms: 0 });
      expect(positions[TOPIC]?.sequence).toBe(0);
      const token = await tokenOf('alice');
      const frames = [{ type: 'Broadcast', id: '1', data: { topic: TOPIC, payload: 'up', idempotency_key: 'k' } }];
      const answer = await fetch(`http://127.0.0.1:${proxy.port}/frames?token=${token}`, {
        method: 'POST',
        body: JSON.stringify(frames),
      });
      expect(await answer.json()).toMatchObject([{ type: 'Ack', reply_to: '1' }]);
      await eventually(() => servers.every(({ connections }) => connections === 0), 'nothing to stay');
      await eventually(() => proxy.log().includes('/frames'), 'the line of the request');
      expect(proxy.log()).not.toContain(token);
    });
  });
});
