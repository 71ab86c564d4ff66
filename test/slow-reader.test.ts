/** A client that stops reading costs bounded memory, nobody else notices, and it loses nothing silently. */
import { describe, expect, test } from 'vitest';
import { connect, type Connection } from './harness/client.ts';
import { isPublication, type Frame } from './harness/frames.ts';
import { RawReader } from './harness/raw-reader.ts';
import { startServer, type TestServer } from './harness/server.ts';

const TOPIC = 'chat.big';
/** Published after the socket has no room: four mailboxes full, and more than the short log holds. */
const BEYOND = 200;
/** Of a message while the buffers of the kernel fill up, which take megabytes; and of one after that, when it is the number that counts. */
const [FILLER, SMALL] = ['x'.repeat(60_000), 'x'.repeat(4_000)];
const SETTINGS = { 'actor_system.mailbox_capacity': '50', 'rate_limiting.enabled': 'false' };

interface Scene {
  readonly server: TestServer;
  readonly publisher: Connection;
  readonly witness: Connection;
  readonly reader: RawReader;
  readonly epoch: string;
}

async function stage(
  settings: Readonly<Record<string, string>>,
  topics: readonly string[],
  path = '/ws',
): Promise<Scene> {
  const server = await startServer({ ...SETTINGS, ...settings });
  const publisher = await connect(server.port, { user: 'publisher' });
  const witness = await connect(server.port, { user: 'witness' });
  const reader = await RawReader.open(server.port, 'slow', path);
  const { positions } = await witness.subscribe(...topics);
  await reader.ask('Subscribe', { topics });
  return { server, publisher, witness, reader, epoch: positions[topics[0] ?? '']?.epoch ?? '' };
}

/**
 * Publishes while the reader does not read, until the kernel's buffers are full, and as much again as matters. Every
 * message must reach the witness before the next is sent. Returns the number of the last one.
 */
async function publishUnread(
  scene: Scene,
  topicOf: (number: number) => string,
  more: (number: number) => object = () => ({}),
): Promise<number> {
  const { server, publisher, witness, reader } = scene;
  const { blocked } = server.running.node.parts.context.backlog;
  reader.stopReading();
  let last = Infinity;
  for (let number = 1; number <= last; number += 1) {
    const filler = last === Infinity ? FILLER : SMALL;
    await publisher.publish(topicOf(number), { number, filler, ...more(number) });
    expect((await witness.next('Broadcast')).data.payload).toMatchObject({ number });
    if (blocked.size === 1 && last === Infinity) last = number + BEYOND;
  }
  return last;
}

function numberIn({ data }: Frame): number {
  return (data.payload as { number: number }).number;
}

async function expectHealthy({ server, witness, reader }: Scene): Promise<void> {
  expect((await reader.ask('Ping', {})).type).toBe('Pong');
  expect(reader.closeCode).toBe(0);
  expect(server.connections).toBe(3);
  // The witness had everything live: its own delivery was never touched.
  expect(witness.untaken('Gap')).toEqual([]);
  expect(witness.frames.filter(({ data }) => data.replayed)).toEqual([]);
  expect(await server.metric('signalbox_delivery_unaccounted')).toBe(0);
  expect(await server.metric('signalbox_native_dropped_total')).toBe(0);
  expect(await server.samples('signalbox_connections_closed_total')).toEqual([]);
}

/** Publications strictly ascending, and every hole announced right before the next publication by one Gap. */
function expectNoSilentHole(frames: readonly Frame[], epoch: string, last: number): Frame[] {
  const gaps: Frame[] = [];
  let expected = 1;
  for (const frame of frames) {
    if (frame.data.topic !== TOPIC) continue;
    if (frame.type === 'Gap') {
      const { from, to, count } = frame.data;
      expect([from, count, frame.data.epoch]).toEqual([expected, to - expected + 1, epoch]);
      gaps.push(frame);
      expected = to + 1;
    } else if (isPublication(frame)) {
      expect([frame.data.sequence, numberIn(frame), frame.data.epoch]).toEqual([expected, expected, epoch]);
      expected += 1;
    }
  }
  expect(expected).toBe(last + 1);
  return gaps;
}

describe.each([
  { name: 'plain', path: '/ws' },
  { name: 'batching', path: '/ws?batch=1' },
])('a $name client that does not read', ({ path }) => {
  test('gets everything that the log still holds, in order, when it reads on', async () => {
    const scene = await stage({ 'topics.history': '100000' }, [TOPIC], path);
    const { server, reader, epoch } = scene;
    const last = await publishUnread(scene, () => TOPIC);
    // It has fallen behind and costs no more than its mailbox may.
    expect(await server.metric('signalbox_subscriptions_lagging')).toBe(1);
    expect(await server.metric('signalbox_connections_blocked')).toBe(1);
    expect(await server.metric('signalbox_mailbox_largest_messages')).toBeLessThanOrEqual(50);
    expect(await server.metric('signalbox_displaced_total')).toBeGreaterThan(0);
    expect(reader.frames.filter(isPublication).length).toBeLessThan(last);
    reader.readOn();
    await reader.waitFor(({ data }) => data.sequence === last, 'the last message');
    expect(expectNoSilentHole(reader.frames, epoch, last)).toEqual([]);
    expect(reader.frames.some(({ data }) => data.replayed)).toBe(true);
    // It is live again.
    await scene.publisher.publish(TOPIC, { number: last + 1 });
    const live = await reader.waitFor(({ data }) => data.sequence === last + 1, 'a live message');
    expect(live.data.replayed).toBeUndefined();
    await expectHealthy(scene);
  });

  test('is told exactly what the log no longer holds', async () => {
    const scene = await stage({ 'topics.history': '60' }, [TOPIC], path);
    const { server, reader, epoch } = scene;
    const last = await publishUnread(scene, () => TOPIC);
    reader.readOn();
    await reader.waitFor(({ data }) => data.sequence === last, 'the last message');
    const gaps = expectNoSilentHole(reader.frames, epoch, last);
    expect(gaps).toHaveLength(1);
    expect(gaps[0]?.data).toMatchObject({ cause: 'overflow', to: last - 60 });
    expect(await server.samples('signalbox_gaps_total')).toEqual([{ cause: 'overflow', value: 1 }]);
    await expectHealthy(scene);
  });
});

test('one topic that overflows leaves the others of the connection whole', async () => {
  const quiet = 'chat.quiet';
  const scene = await stage({ 'topics.history': '60' }, [TOPIC, quiet]);
  const { reader } = scene;
  // Every fiftieth message goes to the quiet topic, whose log keeps all of them.
  const last = await publishUnread(scene, (number) => (number % 50 === 0 ? quiet : TOPIC));
  const quietCount = Math.floor(last / 50);
  reader.readOn();
  for (const number of [quietCount * 50, last % 50 === 0 ? last - 1 : last])
    await reader.waitFor((frame) => isPublication(frame) && numberIn(frame) === number, `message ${number}`);
  const ofQuiet = reader.frames.filter(({ data }) => data.topic === quiet);
  expect(ofQuiet.map(({ type, data }) => `${type} ${data.sequence}`)).toEqual(
    Array.from({ length: quietCount }, (_, at) => `Broadcast ${at + 1}`),
  );
  expect(reader.frames.filter(({ type }) => type === 'Gap').map(({ data }) => data.topic)).toEqual([TOPIC]);
  await expectHealthy(scene);
});

test('of an ephemeral topic the oldest go, and a Gap counts them before the next one', async () => {
  const rules = '[{"pattern":"typing.**","history":0}]';
  const scene = await stage({ 'topics.rules': rules, 'actor_system.mailbox_capacity': '10' }, ['typing.lobby']);
  const { reader } = scene;
  const last = await publishUnread(scene, () => 'typing.lobby');
  reader.readOn();
  await reader.waitFor((frame) => isPublication(frame) && numberIn(frame) === last, 'the last message');
  let expected = 1;
  for (const frame of reader.frames) {
    if (frame.type === 'Gap') {
      expect(frame.data).toEqual({ topic: 'typing.lobby', cause: 'no_history', count: frame.data.count });
      expected += frame.data.count;
    } else if (isPublication(frame)) {
      expect(numberIn(frame)).toBe(expected);
      expected += 1;
    }
  }
  expect(expected).toBe(last + 1);
  expect(reader.frames.filter(({ type }) => type === 'Gap').length).toBeGreaterThan(0);
  await expectHealthy(scene);
});

test('Unsubscribe while it does not read: nothing of the topic comes after the answer', async () => {
  const scene = await stage({ 'topics.history': '100000' }, [TOPIC]);
  const { reader, server } = scene;
  await publishUnread(scene, () => TOPIC);
  const asking = reader.ask('Unsubscribe', { topics: [TOPIC] });
  // The answer waits behind what is in the socket.
  reader.readOn();
  const answer = await asking;
  expect(answer.data).toMatchObject({ status: 'unsubscribed', details: { active_subscriptions: 0 } });
  await reader.ask('Ping', {});
  const after = reader.frames.slice(reader.frames.indexOf(answer) + 1);
  expect(after.map(({ type }) => type)).toEqual(['Pong']);
  expect(await server.metric('signalbox_subscriptions_lagging')).toBe(0);
  await expectHealthy(scene);
});

test('a client that never reads again is closed when its time is over, and nobody else', async () => {
  const scene = await stage(
    { 'topics.history': '100000', 'websocket.stall_timeout_secs': '5', 'websocket.heartbeat_interval_secs': '30' },
    [TOPIC],
  );
  const { server, witness } = scene;
  await publishUnread(scene, () => TOPIC);
  for (let second = 0; second < 12 && server.connections === 3; second += 1) {
    server.beat();
    await witness.ask('Ping', {});
  }
  expect(server.connections).toBe(2);
  expect(await server.metric('signalbox_connections_blocked')).toBe(0);
  expect(await server.metric('signalbox_delivery_unaccounted')).toBe(0);
});

test.each(['/ws', '/ws?batch=1'])(
  'of a conflated topic the newest of each key arrive, and a Gap counts all others (%s)',
  async (path) => {
    const rules = '[{"pattern":"cursor.**","history":0,"conflate":"who"}]';
    const scene = await stage({ 'topics.rules': rules }, ['cursor.board'], path);
    const { server, reader } = scene;
    const whoOf = (number: number): object => (number === 1 ? { who: 'still' } : { who: `k${number % 3}` });
    const last = await publishUnread(scene, () => 'cursor.board', whoOf);
    // It costs no mailbox at all.
    expect(await server.metric('signalbox_mailbox_largest_messages')).toBe(0);
    reader.readOn();
    await reader.waitFor((frame) => isPublication(frame) && numberIn(frame) === last, 'the last message');
    const numbers = reader.frames.filter(isPublication).map(numberIn);
    const gaps = reader.frames.filter(({ type }) => type === 'Gap').map(({ data }) => data.count);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(numbers.slice(-3)).toEqual([last - 2, last - 1, last]);
    expect(gaps.reduce((sum, count) => sum + count, numbers.length)).toBe(last);
    expect(gaps.length).toBeLessThan(3);
    expect(reader.frames.some(({ data }) => data.replayed)).toBe(false);
    await expectHealthy(scene);
  },
);
