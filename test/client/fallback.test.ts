/** The client library in networks without WebSocket, against a real server behind a gateway that refuses or holds back. */
import { expect, test } from 'vitest';
import type { Client, ClientOptions, LifecycleEvent } from '../../src/client/index.ts';
import { msgpack } from '../../src/client/msgpack/index.ts';
import { overHttp, type OverHttpOptions } from '../../src/client/sse/index.ts';
import { eventually, within } from '../harness/deadline.ts';
import { Gateway } from '../harness/gateway.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';
import { clientOf, Reading } from './rig.ts';
import { queueOf } from '../../src/client/queue/index.ts';
import { historyOf } from '../../src/client/history/index.ts';

const FREE = { 'rate_limiting.enabled': 'false' };

interface Place {
  readonly server: TestServer;
  readonly gateway: Gateway;
  readonly client: (user?: string, options?: Partial<ClientOptions> & OverHttpOptions) => Client;
}

async function place(settings: Readonly<Record<string, string>> = {}): Promise<Place> {
  const server = await startServer({ ...FREE, ...settings });
  const gateway = await Gateway.start(() => server.port);
  return {
    server,
    gateway,
    client: (user = 'alice', { transports, ...options } = {}) =>
      clientOf(gateway.port, user, { fallback: overHttp(transports === undefined ? {} : { transports }), ...options }),
  };
}

function transportOf({ state }: Client): string {
  return state.status === 'connected' ? state.transport : state.status;
}

test('where upgrades pass the WebSocket is used, and nothing is asked over HTTP', async () => {
  const { gateway, client } = await place();
  const alice = client();
  const reading = new Reading(alice.topic('chat.42'));
  await reading.live();
  expect([transportOf(alice), gateway.seen]).toEqual(['websocket', ['upgrade pass']]);
});

for (const transports of [['sse'], ['poll']] as const)
  test(`upgrades begin to be refused in mid-stream: over ${transports[0]} nothing is lost and nothing comes twice`, async () => {
    const { gateway, server, client } = await place();
    gateway.streams = 'cut';
    const alice = client('alice', { transports });
    const reading = new Reading(alice.topic('chat.42'));
    await reading.live();
    const publisher = clientOf(server, 'bob');
    const receipts: Promise<unknown>[] = [];
    for (let at = 0; at < 100; at += 1) {
      // Characters of several bytes, which the gateway cuts.
      receipts.push(publisher.topic('chat.42').publish(`${at} größer 漢字 🎉`));
      receipts.push(alice.topic('own').publish(at));
      if (at === 30) gateway.refuseUpgrades();
      await new Promise((resolve) => {
        setTimeout(resolve, 2);
      });
    }
    await within(Promise.all(receipts), 'every receipt');
    await reading.count(100);
    expect(reading.payloads).toEqual(Array.from({ length: 100 }, (_, at) => `${at} größer 漢字 🎉`));
    expect(reading.kinds).not.toContain('gap');
    expect(transportOf(alice)).toBe(transports[0]);
    const own: unknown[] = [];
    for await (const { payload } of historyOf(publisher.topic('own'))) own.push(payload);
    expect(own).toEqual(Array.from({ length: 100 }, (_, at) => at));
  });

test('upgrades pass again: the WebSocket takes over in mid-stream, and nothing is lost or comes twice', async () => {
  const { gateway, server, client } = await place();
  gateway.upgrades = 'refuse';
  let wake: (event: LifecycleEvent) => void = () => {};
  let ahead = 0;
  const alice = client('alice', {
    environment: {
      elapsed: () => performance.now() + ahead,
      lifecycle: (listener) => {
        const before = wake;
        wake = (event) => {
          before(event);
          listener(event);
        };
        return () => {};
      },
    },
  });
  const reading = new Reading(alice.topic('chat.42'));
  await reading.live();
  const states: string[] = [];
  alice.on('state', () => states.push(transportOf(alice)));
  const publisher = clientOf(server, 'bob');
  const receipts: Promise<unknown>[] = [];
  let sent = 0;
  for (let left = 30; left > 0;) {
    receipts.push(publisher.topic('chat.42').publish(sent), alice.topic('own').publish(sent));
    sent += 1;
    if (sent === 20) {
      gateway.upgrades = 'pass';
      ahead = 31_000;
      wake('visible');
    }
    if (transportOf(alice) === 'websocket') left -= 1;
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
  await within(Promise.all(receipts), 'every receipt');
  await reading.count(sent);
  const all = Array.from({ length: sent }, (_, at) => at);
  expect(reading.payloads).toEqual(all);
  const own: unknown[] = [];
  for await (const { payload } of historyOf(publisher.topic('own'))) own.push(payload);
  expect([own, new Set(states)]).toEqual([all, new Set(['websocket'])]);
});

test('a topic that is taken up and one that is given up change nothing for the others', async () => {
  const { gateway, client } = await place();
  gateway.upgrades = 'refuse';
  const alice = client();
  const first = new Reading(alice.topic('chat.1'));
  await first.live();
  const second = new Reading(alice.topic('chat.2'));
  let sent = 0;
  const publish = (): Promise<unknown> => {
    sent += 1;
    return Promise.all([alice.topic('chat.1').publish(sent), alice.topic('chat.2').publish(sent)]);
  };
  await publish();
  await second.live();
  await publish();
  second.stop();
  await publish();
  const third = new Reading(alice.topic('chat.2'), { since: 'earliest' });
  await publish();
  await Promise.all([first.count(4), third.count(4)]);
  expect([first.payloads, third.payloads]).toEqual([
    [1, 2, 3, 4],
    [1, 2, 3, 4],
  ]);
  expect([transportOf(alice), first.kinds.includes('gap')]).toEqual(['sse', false]);
});

test('a token that ends in mid-stream: the next stream is there with the new one before the old one goes', async () => {
  const { gateway, server, client } = await place({ 'auth.leeway_secs': '0' });
  gateway.upgrades = 'refuse';
  const asked: string[] = [];
  const alice = client('alice', {
    token: ({ reason }) => {
      asked.push(reason);
      // The warning comes at 80 % of a token's life.
      const iat = Math.floor(Date.now() / 1_000) - 1_000;
      return tokenOf('alice', reason === 'connect' ? { expiresIn: 60, claims: { iat } } : {});
    },
  });
  const reading = new Reading(alice.topic('chat.42'));
  await reading.live();
  const states: string[] = [];
  alice.on('state', ({ status }) => states.push(status));
  const bob = clientOf(server, 'bob');
  let sent = 0;
  const publishing = setInterval(() => {
    server.beat();
    void bob.topic('chat.42').publish((sent += 1));
  }, 20);
  const isRenewed = (): boolean =>
    server.running.node.connections.some(
      ({ principal }) => principal.user === 'alice' && principal.expiresAt > Date.now() + 120_000,
    );
  await eventually(isRenewed, 'the renewal').finally(() => clearInterval(publishing));
  await eventually(() => queueOf(bob).stats().messages === 0, 'every receipt');
  await reading.count(sent);
  await eventually(() => server.connections === 2, 'the old stream to be gone');
  expect(reading.payloads).toEqual(Array.from({ length: sent }, (_, at) => at + 1));
  expect([asked.at(-1), states]).toEqual(['expiring', []]);
});

test('a topic without a log says over polls that it has none', async () => {
  const { gateway, client } = await place({ 'topics.rules': '[{"pattern":"typing.**","history":0}]' });
  gateway.upgrades = 'refuse';
  const alice = client('alice', { transports: ['poll'] });
  const reading = new Reading(alice.topic('typing.42'));
  await reading.until(({ errors }) => errors.length > 0, 'the refusal');
  expect(reading.errors).toMatchObject([{ reason: 'no_history', temporary: false }]);
});

test('a stream that is cut, and a server that comes back: the client is where it was', async () => {
  const { gateway, client } = await place();
  gateway.upgrades = 'refuse';
  const alice = client();
  const reading = new Reading(alice.topic('chat.42'));
  await reading.live();
  for (let at = 0; at < 10; at += 1) {
    await alice.topic('chat.42').publish(at);
    if (at % 3 === 2) gateway.cut();
  }
  await reading.count(10);
  expect(reading.payloads).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(reading.kinds).not.toContain('gap');
});

test('a token that is refused over HTTP is asked for anew', async () => {
  const { gateway, client } = await place();
  gateway.upgrades = 'refuse';
  const asked: string[] = [];
  const alice = client('alice', {
    token: ({ reason }) => {
      asked.push(reason);
      return tokenOf('alice', asked.length < 4 ? { expiresIn: -600 } : {});
    },
  });
  const reading = new Reading(alice.topic('chat.42'));
  await reading.live();
  expect(asked.at(-1)).toBe('rejected');
});

test('a frame that needs a WebSocket is refused with that reason', async () => {
  const { gateway, client } = await place();
  gateway.upgrades = 'refuse';
  const alice = client();
  await expect(alice.request('X-Vote')).rejects.toMatchObject({ reason: 'unsupported', temporary: false });
});

test('without a fallback an upgrade that is refused is tried again with the back-off, and not when the greeting is overdue', async () => {
  const server = await startServer(FREE);
  const gateway = await Gateway.start(() => server.port);
  gateway.upgrades = 'refuse';
  const alice = clientOf(gateway.port);
  const reading = new Reading(alice.topic('chat.42'));
  await eventually(() => gateway.seen.length > 2, 'the third try');
  gateway.upgrades = 'pass';
  await reading.live();
});

test.each(['sse', 'poll'] as const)('over %s a token of somebody else ends the client', async (transport) => {
  const { gateway, client } = await place({ 'auth.leeway_secs': '0' });
  gateway.upgrades = 'refuse';
  let user = 'alice';
  const alice = client('alice', { transports: [transport], token: () => tokenOf(user, { expiresIn: 20 }) });
  const reading = new Reading(alice.topic('chat.42'));
  await reading.live();
  user = 'eve';
  alice.pause();
  alice.resume();
  await eventually(() => alice.state.status === 'closed', 'the end');
  expect(alice.state).toMatchObject({ error: { reason: 'user_changed' } });
});

test('a client that speaks MessagePack speaks JSON where there is no WebSocket, and MessagePack again where there is one', async () => {
  const { gateway, client } = await place();
  const alice = client('alice', { codec: msgpack });
  const reading = new Reading(alice.topic('chat.42'));
  await reading.live();
  await alice.topic('chat.42').publish({ over: transportOf(alice) });
  gateway.refuseUpgrades();
  await eventually(() => transportOf(alice) === 'sse', 'the stream');
  await alice.topic('chat.42').publish({ over: transportOf(alice) });
  await reading.count(2);
  expect(reading.payloads).toEqual([{ over: 'websocket' }, { over: 'sse' }]);
});
