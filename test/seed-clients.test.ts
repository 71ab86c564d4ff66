/** The client snippets of the guide that this server grew from, unchanged, against the running server. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { connect, dial, type Connection } from './harness/client.ts';
import { within } from './harness/deadline.ts';
import { isPublication, type Data } from './harness/frames.ts';
import { handshake, refusalIn } from './harness/raw.ts';
import {
  checkMessageSize,
  ConnectionMonitor,
  LocalStorage,
  OrderedMessageHandler,
  ReconnectStrategy,
  StatefulReconnection,
  type GuideClient,
} from './harness/seed-snippets.ts';
import { startServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

const TOPIC = 'chat.lobby';

/** Our client with the face of the guide's. */
function guideClient(client: Connection): GuideClient {
  const listeners = new Map<string, ((value: unknown) => void)[]>();
  const emit = (event: string, value: unknown): void => {
    for (const listener of listeners.get(event) ?? []) listener(value);
  };
  client.onFrame = ({ type, data }) => {
    emit(type, data);
    emit(type.toLowerCase(), data);
  };
  void client.closed.then(({ code }) => emit('disconnect', code));
  return {
    on: (event, listener) => listeners.set(event, [...(listeners.get(event) ?? []), listener]),
    subscribe: (topics) => client.subscribe(...topics),
    send: ({ type, data }) => client.ask(type, data),
  };
}

describe('OrderedMessageHandler, started at positions[topic].sequence + 1', () => {
  test('processes everything in order, on a new topic and on one with a past', async () => {
    const server = await startServer();
    const [alice, bob] = [await connect(server.port), await connect(server.port, { user: 'bob' })];
    await alice.publishAll('chat.old', [1, 2, 3]);
    const { positions } = await bob.subscribe('chat.old', 'chat.new');
    const handler = new OrderedMessageHandler<Data>();
    for (const [topic, { sequence }] of Object.entries(positions)) handler.sequences.set(topic, sequence + 1);
    expect(Object.fromEntries(handler.sequences)).toEqual({ 'chat.old': 4, 'chat.new': 1 });
    for (const topic of ['chat.old', 'chat.new']) await alice.publishAll(topic, ['a', 'b', 'c']);
    for (const { data } of await bob.take(6)) handler.handleMessage(data.topic, data);
    expect(handler.processed.map(({ topic, payload }) => [topic, payload])).toEqual([
      ...['a', 'b', 'c'].map((payload) => ['chat.old', payload]),
      ...['a', 'b', 'c'].map((payload) => ['chat.new', payload]),
    ]);
    expect([handler.buffers.size, handler.duplicates.length]).toEqual([0, 0]);
  });

  test('puts what is delivered out of order in order, and knows what it had when the overlap of a replay comes', async () => {
    const server = await startServer();
    const [alice, bob] = [await connect(server.port), await connect(server.port, { user: 'bob' })];
    const { positions } = await bob.subscribe(TOPIC);
    const start = positions[TOPIC] ?? { epoch: '', sequence: 0 };
    const handler = new OrderedMessageHandler<Data>();
    handler.sequences.set(TOPIC, start.sequence + 1);
    await alice.publishAll(TOPIC, ['a', 'b', 'c', 'd', 'e', 'f']);
    const came = (await bob.take(6)).map(({ data }) => data);
    for (const at of [1, 0, 2, 4, 3, 5]) handler.handleMessage(TOPIC, came[at] as Data);
    expect(handler.processed.map(({ payload }) => payload)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    await bob.missed({ since: { [TOPIC]: start } });
    for (const { data } of await bob.take(6)) handler.handleMessage(TOPIC, data);
    expect(handler.processed).toHaveLength(6);
    expect(handler.duplicates.map(({ payload }) => payload)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });
});

describe('ConnectionMonitor', () => {
  test('measures the way from Ping to Pong, and tells why a connection ended', async () => {
    const server = await startServer();
    const client = await connect(server.port);
    const guide = guideClient(client);
    const monitor = new ConnectionMonitor(guide);
    for (let at = 0; at < 3; at += 1) {
      monitor.lastPing = Date.now();
      await guide.send({ type: 'Ping', data: { timestamp: Date.now() } });
    }
    expect(monitor.latencies).toHaveLength(3);
    for (const latency of monitor.latencies) expect(latency).toBeLessThan(1_000);
    await server.stop();
    await client.closed;
    expect(monitor.analyzeDisconnects()).toMatchObject({ count: 1, reasons: [4101] });
  });

  test('the ping of the protocol is answered too', async () => {
    const server = await startServer();
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws?token=${await tokenOf('alice')}`);
    const pong = new Promise<string>((resolve) => {
      socket.on('pong', (data) => resolve(data.toString()));
    });
    socket.on('open', () => socket.ping('hello'));
    expect(await within(pong, 'the pong')).toBe('hello');
    socket.terminate();
  });
});

describe('StatefulReconnection', () => {
  test('after a reload it subscribes again and gets what it missed by message id and session', async () => {
    const server = await startServer();
    const publisher = await connect(server.port, { user: 'publisher' });
    const storage = new LocalStorage();
    const before = await connect(server.port);
    const first = new StatefulReconnection(guideClient(before), storage);
    first.state.sessionId = before.connected.session_id;
    await before.subscribe(TOPIC, 'chat.other');
    first.onSubscribe([TOPIC, 'chat.other']);
    await publisher.publishAll(TOPIC, ['seen 1', 'seen 2']);
    for (const frame of await before.take(2)) first.onMessage(frame);
    await before.drop();
    await publisher.publishAll(TOPIC, ['missed 1', 'missed 2']);
    await publisher.publish('chat.other', 'missed 3');

    const after = await connect(server.port);
    await new StatefulReconnection(guideClient(after), storage).onConnect();
    const replayed = after.frames.filter(isPublication).map(({ data }) => data.payload);
    expect(replayed).toEqual(expect.arrayContaining(['missed 1', 'missed 2', 'missed 3']));
    expect(replayed.indexOf('missed 1')).toBeLessThan(replayed.indexOf('missed 2'));
    await publisher.publish('chat.other', 'live');
    await after.waitFor(({ data }) => data.payload === 'live', 'the live message');
  });

  test('a state of more than five minutes ago is forgotten', async () => {
    const server = await startServer();
    const storage = new LocalStorage();
    const state = { subscriptions: [TOPIC], lastMessageId: null, sessionId: null, timestamp: Date.now() - 300_001 };
    storage.setItem('rtc_state', JSON.stringify(state));
    const client = await connect(server.port);
    await new StatefulReconnection(guideClient(client), storage).onConnect();
    expect(storage.getItem('rtc_state')).toBeNull();
    expect((await client.publish(TOPIC, 1)).data.recipients).toBe(0);
  });
});

test('ReconnectStrategy: back-off with jitter while a server drains, until another one takes the client', async () => {
  const old = await startServer({ 'shutdown.closes_per_second': '20' });
  const token = await tokenOf('alice');
  for (let at = 0; at < 20; at += 1) await connect(old.port, { token });
  const stopping = old.stop();
  const answer = await handshake(old.port, { Authorization: `Bearer ${token}` });
  expect(refusalIn(answer)).toMatchObject({ code: 503, reason: 'not_admitting' });
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);

  const reconnect = new ReconnectStrategy({ baseDelay: 10, maxDelay: 50, maxAttempts: 20 });
  const delays: number[] = [];
  let address = old.port;
  for (;;) {
    const client = await dial(address, { token });
    const isOpen = await client.opened.then(
      () => true,
      () => false,
    );
    if (isOpen) break;
    const delay = reconnect.nextDelay() ?? Number.NaN;
    const full = Math.min(10 * 2 ** delays.length, 50);
    expect(delay).toBeGreaterThanOrEqual(Math.floor(full / 2));
    expect(delay).toBeLessThanOrEqual(full);
    delays.push(delay);
    await sleep(delay);
    if (delays.length === 5) address = (await startServer()).port;
  }
  expect(delays).toHaveLength(5);
  reconnect.reset();
  expect(reconnect.attempt).toBe(0);
  await stopping;
});

test('aggressive keepalive: a client that answers no pings stays as long as it sends its own', async () => {
  const server = await startServer({
    'websocket.heartbeat_interval_secs': '1',
    'websocket.client_timeout_secs': '4',
  });
  const client = await connect(server.port, { autoPong: false });
  for (let second = 0; second < 12; second += 1) {
    // As often as the client's timer would: more than once within client_timeout_secs.
    server.beat();
    const timestamp = Date.now();
    expect((await client.ask('Ping', { timestamp })).data.timestamp).toBe(timestamp);
  }
  for (let second = 0; second < 6 && !client.isClosed; second += 1) server.beat();
  expect((await within(client.closed, 'the close')).code).toBe(4105);
});

test('the message size check agrees with the server to the byte', async () => {
  const server = await startServer();
  const client = await connect(server.port);
  const frame = (filler: string): object => ({ type: 'Broadcast', id: 'x', data: { topic: TOPIC, payload: filler } });
  const room = 65_536 - JSON.stringify(frame('')).length;
  // 'é' is two bytes: characters are not what counts.
  const [fits, over] = [frame(`é${'x'.repeat(room - 2)}`), frame(`é${'x'.repeat(room - 1)}`)];
  expect([checkMessageSize(fits), checkMessageSize(over)]).toEqual([true, false]);
  client.sendRaw(JSON.stringify(fits));
  expect((await client.replyTo('x')).type).toBe('Ack');
  client.sendRaw(JSON.stringify(over));
  expect((await client.next('Error')).data).toMatchObject({ code: 413, reason: 'payload_too_large' });
  expect((await client.ask('Ping', {})).type).toBe('Pong');
});

test('the subscription check: Status says what is subscribed', async () => {
  const server = await startServer();
  const client = await connect(server.port);
  const guide = guideClient(client);
  let subscribedTopics: readonly string[] = [];
  guide.on('Status', (value) => {
    const { status, details } = value as Data;
    if (status === 'subscribed') subscribedTopics = (details as { topics: string[] }).topics;
  });
  await guide.subscribe([TOPIC, 'not a topic']);
  expect(subscribedTopics.includes(TOPIC)).toBe(true);
  expect(subscribedTopics.includes('not a topic')).toBe(false);
});

test('the load tester, scaled down: 50 connections that subscribe, and no message lost', async () => {
  const server = await startServer();
  const stats = { connected: 0, errors: 0, messagesSent: 0, messagesReceived: 0, latencies: [] as number[] };
  const connections = 50;
  const rounds = 4;
  const done = Promise.withResolvers<void>();
  const createClient = async (id: number): Promise<WebSocket> => {
    const token = await tokenOf(`load_test_${id}`, { claims: { user_id: `load_test_${id}` } });
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}/ws?token=${token}`);
    return new Promise((resolve, reject) => {
      ws.on('open', () => {
        stats.connected += 1;
        ws.send(JSON.stringify({ type: 'Subscribe', data: { topics: ['load.test'] } }));
      });
      ws.on('message', (data: Buffer) => {
        const message = JSON.parse(data.toString()) as { type: string; data: Data };
        if (message.type === 'Error') stats.errors += 1;
        if (message.data.status === 'subscribed') resolve(ws);
        if (message.type !== 'Broadcast') return;
        stats.latencies.push(Date.now() - (message.data.payload as { timestamp: number }).timestamp);
        stats.messagesReceived += 1;
        if (stats.messagesReceived === connections * connections * rounds) done.resolve();
      });
      ws.on('error', reject);
    });
  };
  const clients: WebSocket[] = [];
  for (let at = 0; at < connections; at += 1) clients.push(await within(createClient(at), `client ${at}`));
  for (let round = 0; round < rounds; round += 1) {
    for (const client of clients) {
      client.send(
        JSON.stringify({ type: 'Broadcast', data: { topic: 'load.test', payload: { timestamp: Date.now() } } }),
      );
      stats.messagesSent += 1;
    }
  }
  await within(done.promise, 'every message at every client');
  // One more round of answers: nothing arrives twice.
  await server.get('/health');
  const loss = 1 - stats.messagesReceived / (stats.messagesSent * connections);
  expect([stats.connected, stats.errors, loss]).toEqual([connections, 0, 0]);
  expect(stats.latencies).toHaveLength(connections * connections * rounds);
  expect(await server.metric('signalbox_delivery_unaccounted')).toBe(0);
  for (const client of clients) client.terminate();
});
