/** Coming back without losing anything silently: docs/protocol.md, "Positions", `Subscribe`, `GetMissedMessages`. */
import { describe, expect, test } from 'vitest';
import { connect, type Connection, type ConnectOptions } from './harness/client.ts';
import type { Position } from './harness/frames.ts';
import { startServer, type TestServer } from './harness/server.ts';

const TOPIC = 'chat.lobby';
/** A log that is soon too short. */
const SHORT = { 'topics.history': '10', 'actor_system.mailbox_capacity': '10' };
const WAYS: readonly ConnectOptions[] = [
  { library: 'ws', format: 'json' },
  { library: 'platform', format: 'msgpack', batching: true },
];

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

function publisherOn(server: TestServer): Promise<Connection> {
  return connect(server.port, { user: 'publisher' });
}

/** The position of a topic in the answer to its subscription. */
async function subscribed(client: Connection, topic: unknown = TOPIC, name = TOPIC): Promise<Position> {
  const { positions } = await client.subscribe(topic);
  const position = positions[name];
  if (position === undefined) throw new Error(`expected a position of ${name}`);
  return position;
}

describe.each(WAYS)('resume by position ($library, $format)', (way) => {
  test('a topic has a position before anything was published, and what follows is missed from there', async () => {
    const server = await startServer();
    const reader = await connect(server.port, way);
    const position = await subscribed(reader);
    expect(position.sequence).toBe(0);
    expect(position.epoch).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    // Dropped before any message: exactly the one of the meantime arrives.
    await reader.drop();
    await (await publisherOn(server)).publish(TOPIC, 'the one');
    const again = await connect(server.port, way);
    const { recovery, positions } = await again.subscribe({ topic: TOPIC, ...position });
    expect(recovery).toEqual({ [TOPIC]: { recovered: true, missed: 1 } });
    expect(positions[TOPIC]).toEqual(position);
    expect((await again.next('Broadcast')).data).toMatchObject({ payload: 'the one', sequence: 1, replayed: true });
    await again.ask('Ping', {});
    expect(again.untaken('Broadcast')).toEqual([]);
  });

  test('what was missed is replayed and marked, then live delivery goes on without a seam', async () => {
    const server = await startServer({ 'rate_limiting.enabled': 'false' });
    const publisher = await publisherOn(server);
    const reader = await connect(server.port, way);
    const { epoch } = await subscribed(reader);
    await publisher.publishAll(TOPIC, numbers(1, 3));
    await reader.take(3);
    await reader.drop();
    await publisher.publishAll(TOPIC, numbers(4, 253));
    const again = await connect(server.port, way);
    const { recovery } = await again.subscribe({ topic: TOPIC, epoch, sequence: 3 });
    expect(recovery).toEqual({ [TOPIC]: { recovered: true, missed: 250 } });
    const missed = await again.take(250);
    expect(missed.map(({ data }) => [data.sequence, data.payload])).toEqual(numbers(4, 253).map((at) => [at, at]));
    expect(missed.every(({ data }) => data.replayed)).toBe(true);
    await publisher.publish(TOPIC, 254);
    const live = await again.next('Broadcast');
    expect(live.data.sequence).toBe(254);
    expect(live.data.replayed).toBeUndefined();
    expect(again.untaken('Gap')).toEqual([]);
  });

  test('who was up to date misses nothing', async () => {
    const server = await startServer();
    const publisher = await publisherOn(server);
    const { data } = await publisher.publish(TOPIC, 1);
    const reader = await connect(server.port, way);
    const { recovery } = await reader.subscribe({ topic: TOPIC, epoch: data.epoch, sequence: 1 });
    expect(recovery).toEqual({ [TOPIC]: { recovered: true, missed: 0 } });
    await publisher.publish(TOPIC, 2);
    expect((await reader.next('Broadcast')).data.payload).toBe(2);
  });

  test('reconnecting again and again while messages flow loses and repeats nothing', async () => {
    const server = await startServer({ 'rate_limiting.enabled': 'false' });
    const publisher = await publisherOn(server);
    const got: number[] = [];
    let reader = await connect(server.port, way);
    let position = await subscribed(reader);
    const publishing = publisher.publishAll(TOPIC, numbers(1, 400));
    while (position.sequence < 400) {
      // A few messages, and away: what is still on the way then is dropped with the connection.
      for (let count = 0; count < 40 && position.sequence < 400; count += 1) {
        const { data } = await reader.next('Broadcast');
        got.push(data.sequence);
        expect(data.payload).toBe(data.sequence);
        position = { epoch: data.epoch, sequence: data.sequence };
      }
      expect(reader.untaken('Gap')).toEqual([]);
      await reader.drop();
      reader = await connect(server.port, way);
      const { recovery } = await reader.subscribe({ topic: TOPIC, ...position });
      expect(recovery[TOPIC]?.recovered).toBe(true);
    }
    await publishing;
    expect(got).toEqual(numbers(1, 400));
    expect(await server.metric('signalbox_delivery_unaccounted')).toBe(0);
  });

  test('what the log no longer has is announced with one Gap before the rest', async () => {
    const server = await startServer(SHORT);
    const publisher = await publisherOn(server);
    const reader = await connect(server.port, way);
    const { epoch } = await subscribed(reader);
    await reader.drop();
    await publisher.publishAll(TOPIC, numbers(1, 30));
    const again = await connect(server.port, way);
    const { recovery } = await again.subscribe({ topic: TOPIC, epoch, sequence: 3 });
    expect(recovery).toEqual({ [TOPIC]: { recovered: false, missed: 27, reason: 'trimmed' } });
    expect((await again.take(10)).map(({ data }) => data.sequence)).toEqual(numbers(21, 30));
    const gap = await again.next('Gap');
    expect(gap.data).toEqual({ topic: TOPIC, cause: 'trimmed', epoch, from: 4, to: 20, count: 17 });
    expect(again.frames.indexOf(gap)).toBe(again.frames.findIndex(({ type }) => type === 'Broadcast') - 1);
    expect(again.untaken('Gap')).toEqual([]);
    expect(await server.samples('signalbox_gaps_total')).toEqual([{ cause: 'trimmed', value: 1 }]);
  });

  test('a position of another life of the server is not recovered, and the new stream comes from its beginning', async () => {
    const old = await startServer();
    const position = await subscribed(await connect(old.port, way));
    await old.stop();
    const server = await startServer();
    const publisher = await publisherOn(server);
    const acks = await publisher.publishAll(TOPIC, ['one', 'two']);
    const reader = await connect(server.port, way);
    const { recovery, positions } = await reader.subscribe({ topic: TOPIC, epoch: position.epoch, sequence: 7 });
    expect(recovery[TOPIC]).toMatchObject({ recovered: false, reason: 'unknown_epoch' });
    const epoch = acks[0]?.data.epoch;
    expect(positions[TOPIC]).toEqual({ epoch, sequence: 0 });
    expect((await reader.take(2)).map(({ data }) => [data.epoch, data.sequence, data.payload])).toEqual([
      [epoch, 1, 'one'],
      [epoch, 2, 'two'],
    ]);
    const gap = await reader.next('Gap');
    expect(gap.data).toEqual({ topic: TOPIC, cause: 'history_lost', epoch, sequence: 0 });
    expect(reader.frames.indexOf(gap)).toBeLessThan(reader.frames.findIndex(({ type }) => type === 'Broadcast'));
  });

  test('a position beyond the head is history that was lost', async () => {
    const server = await startServer();
    const { data } = await (await publisherOn(server)).publish(TOPIC, 'the only one');
    const reader = await connect(server.port, way);
    const { recovery } = await reader.subscribe({ topic: TOPIC, epoch: data.epoch, sequence: 9 });
    expect(recovery[TOPIC]).toMatchObject({ recovered: false, reason: 'history_lost' });
    expect((await reader.next('Gap')).data).toMatchObject({ cause: 'history_lost', epoch: data.epoch });
  });
});

describe('other ways to subscribe at a place', () => {
  test('from the earliest message that is there', async () => {
    const server = await startServer(SHORT);
    const publisher = await publisherOn(server);
    await publisher.publishAll(TOPIC, numbers(1, 12));
    const reader = await connect(server.port);
    expect((await subscribed(reader, { topic: TOPIC, from: 'earliest' })).sequence).toBe(2);
    expect((await reader.take(10)).map(({ data }) => data.sequence)).toEqual(numbers(3, 12));
    expect(reader.untaken('Gap')).toEqual([]);
  });

  test('again on a live topic: without a position nothing changes, with one it starts anew there', async () => {
    const server = await startServer();
    const publisher = await publisherOn(server);
    const reader = await connect(server.port);
    const { epoch } = await subscribed(reader);
    await publisher.publishAll(TOPIC, numbers(1, 5));
    await reader.take(5);
    expect(await subscribed(reader)).toEqual({ epoch, sequence: 5 });
    await publisher.publish(TOPIC, 6);
    expect((await reader.next('Broadcast')).data.sequence).toBe(6);
    const { active_subscriptions: active } = await reader.subscribe({ topic: TOPIC, epoch, sequence: 4 });
    expect(active).toBe(1);
    expect((await reader.take(2)).map(({ data }) => data.sequence)).toEqual([5, 6]);
  });

  test('a pattern resumes topic by topic', async () => {
    const server = await startServer();
    const publisher = await publisherOn(server);
    const before = await publisher.publishAll('chat.one', numbers(1, 3));
    await publisher.publishAll('chat.two', numbers(1, 3));
    const epoch = before[0]?.data.epoch ?? '';
    const reader = await connect(server.port);
    const { positions, recovery } = await reader.subscribe({
      topic: 'chat.*',
      positions: { 'chat.one': { epoch, sequence: 1 } },
    });
    expect([positions['chat.one']?.sequence, positions['chat.two']?.sequence]).toEqual([1, 3]);
    expect(recovery).toEqual({ 'chat.one': { recovered: true, missed: 2 } });
    await publisher.publish('chat.two', 4);
    const came = await reader.take(3);
    expect(came.map(({ data }) => `${data.topic} ${data.sequence}`).sort()).toEqual([
      'chat.one 2',
      'chat.one 3',
      'chat.two 4',
    ]);
  });
});
