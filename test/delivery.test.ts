/** The promises of delivery hold over every way to hear of topics: docs/http-streams.md. */
import { describe, expect, test } from 'vitest';
import { connect, type Connection } from './harness/client.ts';
import type { Frame } from './harness/frames.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { WAYS, WAYS_ON } from './harness/ways.ts';

const TOPIC = 'chat.lobby';
const OPEN = { ...WAYS_ON, 'rate_limiting.enabled': 'false' };
/** A log that is soon too short. */
const SHORT = { ...OPEN, 'topics.history': '10', 'actor_system.mailbox_capacity': '10' };
const HARD = ['a\nb\r\nc', '\u2028\u2029', '', 'ö€😀', '\u0000\u001f', 'data: x\n\nid: 1', ':', ' lead'];

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

function publisherOn(server: TestServer): Promise<Connection> {
  return connect(server.port, { user: 'publisher' });
}

const payloads = (frames: readonly Frame[]): unknown[] => frames.map(({ data }) => data.payload);

describe.each(WAYS)('over $name', (way) => {
  test('who is there hears everything in order, whatever characters it has', async () => {
    const server = await startServer(OPEN);
    const publisher = await publisherOn(server);
    const reader = await way.open(server.port, 'reader', [TOPIC]);
    await publisher.publishAll(TOPIC, HARD);
    // White space between the parts of a payload is the publisher's own, line ends too.
    publisher.sendRaw(`{"type":"Broadcast","id":"raw","data":{"topic":"${TOPIC}","payload":{\r\n"a":\n[1,\r2]\n}}}`);
    await publisher.replyTo('raw');
    expect(payloads(await reader.take(HARD.length + 1))).toEqual([...HARD, { a: [1, 2] }]);
  });

  test('who was away hears exactly what it missed, and goes on without a seam', async () => {
    const server = await startServer(OPEN);
    const publisher = await publisherOn(server);
    const reader = await way.open(server.port, 'reader', [TOPIC]);
    await publisher.publishAll(TOPIC, numbers(1, 3));
    await reader.take(3);
    await reader.drop();
    await publisher.publishAll(TOPIC, numbers(4, 253));
    const again = await way.open(server.port, 'reader', [TOPIC], reader.place());
    expect(payloads(await again.take(250))).toEqual(numbers(4, 253));
    await publisher.publish(TOPIC, 254);
    expect(payloads([await again.next()])).toEqual([254]);
  });

  test('coming back again and again while messages flow loses and repeats nothing', async () => {
    const server = await startServer(OPEN);
    const publisher = await publisherOn(server);
    let reader = await way.open(server.port, 'reader', [TOPIC]);
    const publishing = publisher.publishAll(TOPIC, numbers(1, 300));
    publishing.catch(() => {});
    const got: number[] = [];
    while (got.length < 300) {
      for (let count = 0; count < 40 && got.length < 300; count += 1) got.push((await reader.next()).data.sequence);
      await reader.drop();
      reader = await way.open(server.port, 'reader', [TOPIC], reader.place());
    }
    await publishing;
    expect(got).toEqual(numbers(1, 300));
    expect(await server.metric('signalbox_delivery_unaccounted')).toBe(0);
  });

  test('several topics and direct messages go on each at its own place', async () => {
    const server = await startServer(OPEN);
    const publisher = await publisherOn(server);
    const topics = ['chat.b', 'chat.a', '@me'];
    const reader = await way.open(server.port, 'reader', topics);
    const direct = (payload: unknown): Promise<Frame> =>
      publisher.ask('DirectMessage', { target_user: 'reader', payload });
    await publisher.publishAll('chat.a', [1, 2]);
    await direct('for you');
    expect(new Set(payloads(await reader.take(3)))).toEqual(new Set([1, 2, 'for you']));
    await reader.drop();
    await publisher.publishAll('chat.b', [3]);
    await publisher.publishAll('chat.a', [4]);
    await direct('again');
    const again = await way.open(server.port, 'reader', topics, reader.place());
    const missed = await again.take(3);
    expect(new Set(missed.map(({ type, data }) => `${type} ${data.topic} ${String(data.payload)}`))).toEqual(
      new Set(['DirectMessage undefined again', 'Broadcast chat.a 4', 'Broadcast chat.b 3']),
    );
  });

  test('what the log no longer has is announced once, before the rest', async () => {
    const server = await startServer(SHORT);
    const publisher = await publisherOn(server);
    const reader = await way.open(server.port, 'reader', [TOPIC]);
    await publisher.publishAll(TOPIC, numbers(1, 3));
    await reader.take(3);
    await reader.drop();
    await publisher.publishAll(TOPIC, numbers(4, 30));
    const again = await way.open(server.port, 'reader', [TOPIC], reader.place());
    const [gap, ...rest] = await again.take(11);
    expect([gap?.type, gap?.data]).toMatchObject([
      'Gap',
      { topic: TOPIC, cause: 'trimmed', from: 4, to: 20, count: 17 },
    ]);
    expect(payloads(rest)).toEqual(numbers(21, 30));
  });

  test('a place in an epoch that there is not is announced as lost, and the topic goes on', async () => {
    const server = await startServer(OPEN);
    const publisher = await publisherOn(server);
    await publisher.publishAll(TOPIC, [1, 2]);
    const reader = await way.open(server.port, 'reader', [TOPIC], {
      positions: { [TOPIC]: { epoch: 'elsewhere', sequence: 7 } },
    });
    expect((await reader.next()).data).toMatchObject({ topic: TOPIC, cause: 'history_lost' });
    await publisher.publish(TOPIC, 3);
    let { data } = await reader.next();
    while (data.payload !== 3) ({ data } = await reader.next());
    expect(data.sequence).toBe(3);
  });
});

test('changing the way again and again, while messages flow, loses and repeats nothing', async () => {
  const server = await startServer(OPEN);
  const publisher = await publisherOn(server);
  let reader = await (WAYS[0] as (typeof WAYS)[number]).open(server.port, 'reader', [TOPIC]);
  const publishing = publisher.publishAll(TOPIC, numbers(1, 400));
  publishing.catch(() => {});
  const got: number[] = [];
  for (let turn = 1; got.length < 400; turn += 1) {
    for (let count = 0; count < 25 && got.length < 400; count += 1) got.push((await reader.next()).data.sequence);
    const way = WAYS[turn % WAYS.length] as (typeof WAYS)[number];
    // As a client does whose proxy begins to refuse upgrades: the old way is gone, its positions are not.
    await reader.drop();
    reader = await way.open(server.port, 'reader', [TOPIC], { positions: reader.place().positions });
  }
  await publishing;
  expect(got).toEqual(numbers(1, 400));
});
