/** The client library while a real server restarts, expels, drains and fails. */
import type { App } from '../../src/apps/app.ts';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ConnectionState } from '../../src/client/index.ts';
import { overHttp } from '../../src/client/sse/index.ts';
import { eventually, within } from '../harness/deadline.ts';
import { Gateway } from '../harness/gateway.ts';
import { startRedis, type RedisServer } from '../harness/redis-server.ts';
import { startServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';
import { clientOf, Reading } from './rig.ts';
import { queueOf } from '../../src/client/queue/index.ts';
import { historyOf } from '../../src/client/history/index.ts';

describe('two nodes of one service', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  let prefix = 0;

  function settings(name: string): Record<string, string> {
    return {
      'redis.url': redis.url,
      'redis.prefix': `client${prefix}`,
      'rate_limiting.enabled': 'false',
      'server.node_name': name,
      'shutdown.grace_secs': '25',
      'shutdown.closes_per_second': '5',
    };
  }

  test('one is drained under load: nothing lost, nothing twice, no pause, and the state never leaves connected', async () => {
    prefix += 1;
    const [old, fresh] = await Promise.all([startServer(settings('old')), startServer(settings('fresh'))]);
    let port = old.port;
    const clients = ['a', 'b', 'c', 'd', 'e'].map((user) =>
      clientOf(old, user, { url: () => `ws://127.0.0.1:${port}/ws` }),
    );
    const readings = clients.map((client) => new Reading(client.topic('chat.42')));
    await Promise.all(readings.map((reading) => reading.live()));
    const states: string[] = [];
    for (const client of clients) client.on('state', ({ status }) => states.push(status));
    const publisher = clientOf(fresh, 'publisher');
    port = fresh.port;
    const stopped = old.stop();
    let sent = 0;
    const receipts: Promise<unknown>[] = [];
    const all = new Set(clients);
    while (all.size > 0) {
      receipts.push(publisher.topic('chat.42').publish(sent));
      receipts.push(...clients.map((client) => client.topic(`own.${queueOf(client).stats().failed}`).publish(sent)));
      sent += 1;
      for (const client of all)
        if (client.state.status === 'connected' && client.state.node === 'fresh') all.delete(client);
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    }
    await Promise.all(receipts);
    await within(stopped, 'the old node to end');
    await Promise.all(readings.map((reading) => reading.count(sent)));
    const expected = Array.from({ length: sent }, (_, at) => at);
    for (const { payloads, kinds } of readings) {
      expect(payloads).toEqual(expected);
      expect(kinds).not.toContain('gap');
    }
    expect(new Set(states)).toEqual(new Set(['connected']));
  });

  test.each(['sse', 'poll'] as const)(
    'one is drained while its clients have no WebSocket: over %s nothing is lost or comes twice',
    async (transport) => {
      prefix += 1;
      const [old, fresh] = await Promise.all([startServer(settings('old')), startServer(settings('fresh'))]);
      let { port } = old;
      const gateway = await Gateway.start(() => port);
      gateway.upgrades = 'refuse';
      const client = clientOf(gateway.port, 'alice', { fallback: overHttp({ transports: [transport] }) });
      const reading = new Reading(client.topic('chat.42'));
      await reading.live();
      const states = new Set<string>();
      client.on('state', ({ status }) => states.add(status));
      const publisher = clientOf(fresh, 'publisher');
      ({ port } = fresh);
      const stopped = old.stop();
      let sent = 0;
      const receipts: Promise<unknown>[] = [];
      for (let left = 20; left > 0;) {
        receipts.push(publisher.topic('chat.42').publish(sent), client.topic('own').publish(sent));
        sent += 1;
        if (fresh.connections > 1) left -= 1;
        await new Promise((resolve) => {
          setTimeout(resolve, 5);
        });
      }
      await Promise.all(receipts);
      await within(stopped, 'the old node to end');
      await reading.count(sent);
      expect(reading.payloads).toEqual(Array.from({ length: sent }, (_, at) => at));
      expect(reading.kinds).not.toContain('gap');
      // A stream is replaced before it ends.
      if (transport === 'sse') expect(states).toEqual(new Set(['connected']));
    },
  );

  test('one dies: its clients resume on the other, and what they published is there once', async () => {
    prefix += 1;
    const [first, second] = await Promise.all([startServer(settings('first')), startServer(settings('second'))]);
    const ports = [first.port, second.port];
    const client = clientOf(first, 'alice', { url: () => `ws://127.0.0.1:${ports[0] ?? 0}/ws` });
    const reading = new Reading(client.topic('chat.42'));
    await reading.live();
    const receipts: Promise<unknown>[] = [];
    for (let at = 0; at < 100; at += 1) {
      receipts.push(client.topic('chat.42').publish(at));
      if (at === 50) {
        ports.shift();
        for (const connection of first.running.node.connections) connection.transport?.terminate();
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 2);
      });
    }
    await within(Promise.all(receipts), 'every receipt');
    await reading.count(100);
    expect(reading.payloads).toEqual(Array.from({ length: 100 }, (_, at) => at));
    expect(client.state).toMatchObject({ status: 'connected', node: 'second' });
  });
});

test('a server in memory that comes back has another log: a gap in its place, then live', async () => {
  const server = await startServer();
  let { port } = server;
  const client = clientOf(server, 'alice', { url: () => `ws://127.0.0.1:${port}/ws` });
  const reading = new Reading(client.topic('chat.42'));
  await reading.live();
  await client.topic('chat.42').publish('before');
  await reading.count(1);
  await server.stop();
  ({ port } = await startServer());
  await reading.until(({ kinds }) => kinds.includes('gap'), 'the gap');
  await client.topic('chat.42').publish('after');
  await reading.count(2);
  expect(reading.items.map((item) => (item.kind === 'gap' ? item.cause : item.kind))).toEqual([
    'live',
    'message',
    'history_lost',
    'live',
    'message',
  ]);
});

test('a slow handler: its memory stays flat, nothing is lost', async () => {
  const server = await startServer({ 'rate_limiting.enabled': 'false' });
  const [client, publisher] = [clientOf(server, 'alice', { buffer: { maxMessages: 20 } }), clientOf(server, 'bob')];
  const seen: unknown[] = [];
  client.topic('chat.42').on({
    message: async ({ payload }) => {
      seen.push(payload);
      if (seen.length < 50)
        await new Promise((resolve) => {
          setTimeout(resolve, 5);
        });
    },
    gap: () => seen.push('gap'),
  });
  await eventually(() => client.topic('chat.42').state === 'live', 'the topic to be live');
  for (let from = 0; from < 900; from += 100)
    await Promise.all(Array.from({ length: 100 }, (_, at) => publisher.topic('chat.42').publish(from + at)));
  await eventually(() => seen.length >= 900, 'every message');
  expect(seen).toEqual(Array.from({ length: 900 }, (_, at) => at));
});

test('readers that come later begin where they ask to, joined with what is live', async () => {
  const server = await startServer({ 'rate_limiting.enabled': 'false' });
  const [client, publisher] = [clientOf(server), clientOf(server, 'bob')];
  const publish = (text: string): Promise<unknown> => publisher.topic('chat.42').publish(text);
  for (const text of ['1', '2', '3']) await publish(text);
  const live = new Reading(client.topic('chat.42'));
  await live.live();
  const [all, tail] = [
    new Reading(client.topic('chat.42'), { since: 'earliest' }),
    new Reading(client.topic('chat.42'), { since: { last: 2 } }),
  ];
  for (const text of ['4', '5']) await publish(text);
  await Promise.all([
    live.count(2),
    all.count(5),
    tail.until(({ payloads }) => payloads.includes('5'), 'the last one'),
  ]);
  expect([live.payloads, all.payloads]).toEqual([
    ['4', '5'],
    ['1', '2', '3', '4', '5'],
  ]);
  expect(tail.payloads.slice(-2)).toEqual(['4', '5']);
  const read: unknown[] = [];
  for await (const { payload } of historyOf(client.topic('chat.42'), { reverse: true, limit: 2 })) read.push(payload);
  expect(read).toEqual(['5', '4']);
});

test('a token that ends is replaced on the connection; one that is revoked brings a new connection', async () => {
  const server = await startServer({ 'auth.leeway_secs': '0' });
  const asked: string[] = [];
  const client = clientOf(server, 'alice', {
    token: ({ reason }) => {
      asked.push(reason);
      return tokenOf('alice', { expiresIn: reason === 'connect' ? 3 : 3_600 });
    },
  });
  const states: ConnectionState[] = [];
  client.on('state', (state) => states.push(state));
  const reading = new Reading(client.topic('chat.42'));
  await reading.live();
  const beating = setInterval(() => server.beat(), 50);
  const isRenewed = (): boolean =>
    server.running.node.connections.some(({ principal }) => principal.expiresAt > Date.now() + 60_000);
  await eventually(isRenewed, 'the renewal').finally(() => clearInterval(beating));
  await client.topic('chat.42').publish('still here');
  expect(states.map(({ status }) => status)).toEqual(['connecting', 'connected']);
  for (const connection of server.running.node.connections) connection.close('token_revoked', 'by the test');
  await eventually(() => states.filter(({ status }) => status === 'connected').length === 2, 'the new connection');
  expect(asked).toEqual(['connect', 'expiring', 'rejected']);
});

test('an application is asked and answers', async () => {
  const vote: App = {
    name: 'vote',
    start: (host) => ({
      frames: {
        'X-Vote': host.frame({ schema: (z) => z.looseObject({}), writes: false, handle: () => ({ votes: 3 }) }),
      },
    }),
  };
  const server = await startServer({}, [vote]);
  const client = clientOf(server);
  // The first use connects, and the request waits for that.
  expect(await client.request('X-Vote', { for: 'tea' })).toEqual({ votes: 3 });
  await expect(client.request('X-Nothing')).rejects.toMatchObject({ reason: 'not_found' });
  await client.close();
  await expect(client.request('X-Vote')).rejects.toMatchObject({ reason: 'closed' });
});

test('an application whose answer was lost with the connection has perhaps done it', async () => {
  const asked = Promise.withResolvers<void>();
  const slow: App = {
    name: 'slow',
    start: (host) => ({
      frames: {
        'X-Slow': host.frame({
          writes: false,
          handle: () => {
            asked.resolve();
            return new Promise<undefined>(() => {});
          },
        }),
      },
    }),
  };
  const server = await startServer({}, [slow]);
  const answer = clientOf(server).request('X-Slow');
  const expected = expect(answer).rejects.toMatchObject({ reason: 'outcome_unknown', temporary: false });
  await asked.promise;
  for (const connection of server.running.node.connections) connection.close('token_revoked', 'by the test');
  await expected;
});

test('an address where nobody listens is tried again at once, not after the time that a greeting may take', async () => {
  let attempts = 0;
  const server = await startServer();
  const client = clientOf(server, 'alice', {
    url: () => `ws://127.0.0.1:${(attempts += 1) < 4 ? 1 : server.port}/ws`,
  });
  await new Reading(client.topic('chat.42')).live();
  expect(attempts).toBe(4);
});
