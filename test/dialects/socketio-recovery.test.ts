/** Breaks of Socket.IO clients: their library says where they were, and they hear each message exactly once. */
import { describe, expect, test } from 'vitest';
import { connect } from '../harness/client.ts';
import { freePort } from '../harness/free-port.ts';
import { startProcess } from '../harness/process.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startServer } from '../harness/server.ts';
import { connectSocketIo, type SocketIoClient, type SocketIoOptions } from '../harness/socket-io.ts';

const ON = { 'socketio.enabled': 'true', 'rate_limiting.enabled': 'false' };
const WEBSOCKET: SocketIoOptions = { transports: ['websocket'] };

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

async function back(client: SocketIoClient): Promise<boolean> {
  await client.next('disconnect');
  await client.next('connect');
  return client.socket.recovered;
}

const TRANSPORTS: readonly (readonly [string, SocketIoOptions])[] = [
  ['polls', { transports: ['polling'] }],
  ['a WebSocket', WEBSOCKET],
];

describe.each(TRANSPORTS)('over %s', (_, options) => {
  test('breaks again and again while messages of three topics flow lose and repeat nothing', async () => {
    const server = await startServer(ON);
    const publisher = await connect(server.port, { user: 'publisher' });
    const client = await connectSocketIo(server.port, 'ada', options);
    await client.ask('subscribe', ['chat.a', 'chat.b', 'chat.c']);
    const topics = ['chat.a', 'chat.b', 'chat.c'];
    const publishing = topics.map((topic) => publisher.publishAll(topic, numbers(1, 60)));
    const heard = new Map(topics.map((topic) => [topic, [] as unknown[]]));
    let breaks = 0;
    for (let count = 1; count <= 180; count += 1) {
      const [message] = await client.messages(1);
      heard.get(message?.topic ?? '')?.push(message?.payload);
      if (count % 30 !== 0 || count === 180) continue;
      client.cut();
      expect(await back(client)).toBe(true);
      breaks += 1;
    }
    await Promise.all(publishing);
    for (const topic of topics) expect(heard.get(topic)).toEqual(numbers(1, 60));
    expect(breaks).toBe(5);
    expect(client.heard.filter(([name]) => name === 'message' || name === 'gap')).toEqual([]);
  });
});

describe('what is recovered', () => {
  test('topics of which nothing was heard yet, and those that a client has left are not', async () => {
    const server = await startServer(ON);
    const publisher = await connect(server.port, { user: 'publisher' });
    const client = await connectSocketIo(server.port, 'ada', WEBSOCKET);
    await client.ask('subscribe', ['chat.a', 'chat.b', 'chat.c']);
    await client.ask('unsubscribe', 'chat.b');
    await client.cutOff();
    for (const topic of ['chat.b', 'chat.c']) await publisher.publish(topic, topic);
    await client.comeBack();
    expect(client.socket.recovered).toBe(true);
    expect(await client.messages(1)).toMatchObject([{ topic: 'chat.c', sequence: 1, replayed: true }]);
    const connection = server.running.node.connections.find(({ principal }) => principal.user === 'ada');
    expect(connection?.subscriptions.map(({ topic }) => topic.clientName)).toEqual(['chat.a', 'chat.c']);
  });

  test('a loss is announced, and recovered is false: the log no longer has it', async () => {
    const server = await startServer({ ...ON, 'topics.history': '10', 'actor_system.mailbox_capacity': '10' });
    const publisher = await connect(server.port, { user: 'publisher' });
    const client = await connectSocketIo(server.port, 'ada', WEBSOCKET);
    await client.ask('subscribe', 'chat.a');
    await publisher.publish('chat.a', 1);
    await client.messages(1);
    await client.cutOff();
    await publisher.publishAll('chat.a', numbers(2, 40));
    await client.comeBack();
    expect(client.socket.recovered).toBe(false);
    const [gap] = (await client.next('gap')) as [{ from: number; to: number }];
    expect(gap).toMatchObject({ topic: 'chat.a', from: 2, cause: 'trimmed' });
    expect((await client.messages(40 - gap.to)).map(({ payload }) => payload)).toEqual(numbers(gap.to + 1, 40));
  });

  test('more topics than an offset may name are not recovered, and the client knows it', async () => {
    const server = await startServer({ ...ON, 'socketio.recovery_topics': '2' });
    const publisher = await connect(server.port, { user: 'publisher' });
    const client = await connectSocketIo(server.port, 'ada', WEBSOCKET);
    await client.ask('subscribe', ['chat.a', 'chat.b']);
    await publisher.publish('chat.a', 1);
    await client.messages(1);
    await client.ask('subscribe', 'chat.c');
    await publisher.publish('chat.a', 2);
    await client.messages(1);
    client.cut();
    expect(await back(client)).toBe(false);
    expect(server.running.node.connections.find(({ principal }) => principal.user === 'ada')?.subscriptions).toEqual(
      [],
    );
    await client.ask('subscribe', ['chat.a', 'chat.b']);
    client.cut();
    expect(await back(client)).toBe(true);
  });

  test('topics of patterns go on where they were, and recovered is false: others may have begun', async () => {
    const server = await startServer(ON);
    const publisher = await connect(server.port, { user: 'publisher' });
    const client = await connectSocketIo(server.port, 'ada', WEBSOCKET);
    await client.ask('subscribe', 'room.*');
    await publisher.publish('room.x', 1);
    await client.messages(1);
    await client.cutOff();
    await publisher.publish('room.x', 2);
    await client.comeBack();
    expect(client.socket.recovered).toBe(false);
    await publisher.publish('room.x', 3);
    expect((await client.messages(2)).map(({ payload }) => payload)).toEqual([2, 3]);
  });

  test('a right that is gone is not recovered', async () => {
    const server = await startServer(ON);
    const client = await connectSocketIo(server.port, 'ada', WEBSOCKET);
    await client.ask('subscribe', 'chat.a');
    const { auth } = client.socket as unknown as { auth: Record<string, unknown> };
    Object.assign(client.socket, { auth: { ...auth, offset: 'secret.a=abc/1,chat.a' } });
    client.cut();
    expect(await back(client)).toBe(false);
  });
});

test('A-03, of Socket.IO: the server is killed: its clients come back by themselves, and miss and repeat nothing of a log in Redis', async () => {
  const redis = await startRedis();
  const port = await freePort();
  const assignments = [
    `redis.url=redis://127.0.0.1:${redis.port}`,
    `server.port=${port}`,
    'socketio.enabled=true',
    'rate_limiting.enabled=false',
  ].flatMap((assignment) => ['--set', assignment]);
  const first = await startProcess(assignments);
  const client = await connectSocketIo(port, 'ada', {});
  await client.ask('subscribe', ['chat.a', 'chat.b']);
  for (const number of numbers(1, 20)) client.socket.emit('publish', { topic: 'chat.a', payload: number });
  expect((await client.messages(20)).map(({ payload }) => payload)).toEqual(numbers(1, 20));
  first.signal('SIGKILL');
  await client.next('disconnect');
  const second = await startProcess(assignments);
  const publisher = await connect(port, { user: 'publisher' });
  await client.next('connect');
  expect(client.socket.recovered).toBe(true);
  await publisher.publishAll('chat.a', numbers(21, 25));
  await publisher.publish('chat.b', 'b');
  const heard = await client.messages(6);
  expect(heard.filter(({ topic }) => topic === 'chat.a').map(({ payload }) => payload)).toEqual(numbers(21, 25));
  expect(client.heard.filter(([name]) => name === 'message' || name === 'gap')).toEqual([]);
  second.signal('SIGKILL');
  await second.exited;
});
