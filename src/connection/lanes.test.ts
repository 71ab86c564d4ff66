import { describe, expect, test } from 'vitest';
import type { RoutedTopic } from '../router/routed-topic.ts';
import { TestRig } from './test-rig.ts';
import { flow, run, type TestClient } from './test-rig-client.ts';

const TOPIC = 'chat.a';

/** A client whose socket is blocked by the first message of the topic. */
function blocked(options: ConstructorParameters<typeof TestRig>[0] = {}): { rig: TestRig; client: TestClient } {
  const rig = new TestRig(options);
  const client = rig.connect();
  client.subscribe(TOPIC);
  client.stop();
  rig.publish(TOPIC);
  return { rig, client };
}

describe('the control lane', () => {
  test('is written through while the socket has room', () => {
    const client = new TestRig().connect();
    const id = client.send('Ping', { timestamp: 7 });
    // No turn has ended yet.
    expect(client.repliesTo(id)).toMatchObject([{ type: 'Pong', data: { timestamp: 7 } }]);
  });

  test('goes before publications that were queued earlier, in its own order', () => {
    const { rig, client } = blocked();
    rig.publish(TOPIC, 3);
    const ids = [1, 2, 3].map((timestamp) => client.send('Ping', { timestamp }));
    rig.publish(TOPIC);
    client.resume();
    const frames = client.take();
    expect(flow(frames)).toEqual([...run(TOPIC, 1, 1), 'Pong', 'Pong', 'Pong', ...run(TOPIC, 2, 5)]);
    expect(frames.flatMap(({ reply_to: id }) => id ?? [])).toEqual(ids);
  });

  test('goes before the pages of a replay', () => {
    const { rig, client } = blocked({ limits: { mailboxCapacity: 2, pageMessages: 2 } });
    rig.publish(TOPIC, 6);
    client.send('Ping');
    // The Pong is written, then the first page.
    for (let at = 0; at < 2; at += 1) {
      client.link.read(Infinity);
      rig.settle();
    }
    client.send('Ping');
    client.resume();
    expect(flow(client.take())).toEqual([
      ...run(TOPIC, 1, 1),
      'Pong',
      ...run(TOPIC, 2, 3, 'replayed'),
      'Pong',
      ...run(TOPIC, 4, 7, 'replayed'),
    ]);
  });

  test('is never displaced, however full the mailbox is', () => {
    const { rig, client } = blocked({ limits: { mailboxCapacity: 2, controlCapacity: 5 } });
    for (let at = 0; at < 5; at += 1) {
      client.send('Ping', { timestamp: at });
      rig.publish(TOPIC, 10);
    }
    client.resume();
    const pongs = client.take().filter(({ type }) => type === 'Pong');
    expect(pongs.map(({ data }) => data['timestamp'])).toEqual([0, 1, 2, 3, 4]);
  });

  test('closes the connection with 4108 when it is full, and not before', () => {
    const { client } = blocked({ limits: { controlCapacity: 3 } });
    for (let at = 0; at < 3; at += 1) client.send('Ping');
    expect(client.link.closeReason).toBeNull();
    client.send('Ping');
    expect(client.link.closeReason).toBe('control_overflow');
    expect(client.connection.isOpen).toBe(false);
  });

  test('is bounded in bytes too', () => {
    const { client } = blocked({ limits: { controlCapacity: 1_000, controlBytes: 2_000 } });
    let pings = 0;
    for (; client.link.closeReason === null && pings < 100; pings += 1) client.send('Ping');
    expect(client.link.closeReason).toBe('control_overflow');
    expect(pings).toBeGreaterThan(5);
    expect(pings).toBeLessThan(50);
  });

  test('the close ends the subscriptions at once, however long the socket takes', () => {
    const { rig, client } = blocked({ limits: { controlCapacity: 1 } });
    rig.publish(TOPIC, 3);
    client.send('Ping');
    client.send('Ping');
    expect(client.link.closeReason).toBe('control_overflow');
    expect(client.link.isClosed).toBe(false);
    expect(rig.router.recipients(TOPIC)).toBe(0);
    expect(rig.backlog.bytes).toBe(0);
    expect(rig.backlog.blocked.size).toBe(0);
    expect(rig.unaccounted()).toBe(0);
  });

  test('after the close nothing is sent, and what still comes in is ignored', () => {
    const { rig, client } = blocked({ limits: { controlCapacity: 1 } });
    client.send('Ping');
    client.send('Ping');
    client.send('Broadcast', { topic: TOPIC, payload: 1 });
    rig.publish(TOPIC);
    client.resume();
    expect(client.link.isClosed).toBe(true);
    expect(flow(client.take())).toEqual(run(TOPIC, 1, 1));
    expect(rig.position(TOPIC).sequence).toBe(2);
    expect(rig.connections).toEqual([]);
    expect(rig.counters.closed.get('4108')).toBe(1);
  });
});

describe('the data lane', () => {
  test('writes what is published at the end of the turn, once', () => {
    const rig = new TestRig();
    const [client, publisher] = [rig.connect('ada'), rig.connect('bob')];
    client.subscribe(TOPIC);
    publisher.send('Broadcast', { topic: TOPIC, payload: 1 });
    publisher.send('Broadcast', { topic: TOPIC, payload: 2 });
    expect(client.frames.some(({ type }) => type === 'Broadcast')).toBe(false);
    rig.settle();
    expect(flow(client.take())).toEqual(run(TOPIC, 1, 2));
  });

  test('a client that follows a small topic is sent its own publication with the answer, the first of a turn', () => {
    const rig = new TestRig();
    const [client, other] = [rig.connect('ada'), rig.connect('bob')];
    for (const each of [client, other]) each.subscribe(TOPIC);
    client.send('Broadcast', { topic: TOPIC, payload: 1 });
    expect(flow(client.take())).toEqual(['Ack delivered', ...run(TOPIC, 1, 1)]);
    client.send('Broadcast', { topic: TOPIC, payload: 2 });
    expect(flow(client.take())).toEqual(['Ack delivered']);
    expect(flow(other.take())).toEqual([]);
    rig.settle();
    expect(flow(client.take())).toEqual(run(TOPIC, 2, 2));
    expect(flow(other.take())).toEqual(run(TOPIC, 1, 2));
  });

  test('a client that has something else to be sent first gets its own publication at the end of the turn', () => {
    const rig = new TestRig();
    const [client, other] = [rig.connect('ada'), rig.connect('bob')];
    client.subscribe(TOPIC, 'chat.b');
    other.send('Broadcast', { topic: 'chat.b', payload: 1 });
    rig.router.routeNow(client.connection.subscriptions[1]?.topic as RoutedTopic);
    client.send('Broadcast', { topic: TOPIC, payload: 1 });
    expect(flow(client.take())).toEqual(['Ack delivered']);
    rig.settle();
    expect(flow(client.take()).toSorted()).toEqual([...run('chat.b', 1, 1), ...run(TOPIC, 1, 1)].toSorted());
  });

  test('a client that takes batches gets the publications of a turn as one message, others one by one', () => {
    const rig = new TestRig();
    const batching = rig.connect('ada', { batching: true });
    const plain = rig.connect('bob');
    for (const client of [batching, plain]) client.subscribe(TOPIC);
    const before = [batching, plain].map(({ messageSizes }) => messageSizes.length);
    rig.publishAtOnce(TOPIC, 5);
    expect(batching.messageSizes.slice(before[0])).toEqual([5]);
    expect(plain.messageSizes.slice(before[1])).toEqual([1, 1, 1, 1, 1]);
    for (const client of [batching, plain]) expect(flow(client.take())).toEqual(run(TOPIC, 1, 5));
  });

  test('topics do not mix up each other: each is in order', () => {
    const rig = new TestRig();
    const client = rig.connect();
    client.subscribe('chat.a', 'chat.b');
    client.stop();
    for (let at = 0; at < 5; at += 1) {
      rig.publish('chat.a');
      rig.publish('chat.b');
    }
    client.resume();
    const frames = flow(client.take());
    for (const topic of ['chat.a', 'chat.b'])
      expect(frames.filter((text) => text.startsWith(topic))).toEqual(run(topic, 1, 5));
  });

  test('a socket that breaks while it is written to takes nothing else along', () => {
    const rig = new TestRig();
    const [broken, fine] = [rig.connect('ada'), rig.connect('bob')];
    for (const client of [broken, fine]) client.subscribe(TOPIC, 'chat.b');
    broken.link.breaksOnSend = true;
    rig.publish(TOPIC, 2);
    rig.publish('chat.b');
    expect(flow(fine.take())).toEqual([...run(TOPIC, 1, 2), ...run('chat.b', 1, 1)]);
    expect(rig.connections).toEqual([fine.connection]);
    expect(rig.router.recipients(TOPIC)).toBe(1);
    expect(rig.unaccounted()).toBe(0);
    expect(rig.backlog.bytes).toBe(0);
  });
});
