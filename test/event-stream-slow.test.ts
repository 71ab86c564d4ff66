/** Readers of streams that stop reading, or read slowly: docs/http-streams.md, "A client that does not read". */
import { expect, test } from 'vitest';
import { connect, type Connection } from './harness/client.ts';
import { eventually } from './harness/deadline.ts';
import { openStream, type EventStreamClient } from './harness/event-stream.ts';
import type { Frame } from './harness/frames.ts';
import { startServer, type TestServer } from './harness/server.ts';

const TOPIC = 'chat.big';
const FILLER = 'x'.repeat(16_000);
const SETTINGS = { 'actor_system.mailbox_capacity': '50', 'rate_limiting.enabled': 'false' };
/** Published after the socket has no room. */
const BEYOND = 120;

interface Scene {
  readonly server: TestServer;
  readonly publisher: Connection;
  readonly reader: EventStreamClient;
}

async function stage(): Promise<Scene> {
  const server = await startServer(SETTINGS);
  const publisher = await connect(server.port, { user: 'publisher' });
  const reader = await openStream(server.port, { user: 'slow', query: { topics: TOPIC } });
  await reader.subscribed();
  return { server, publisher, reader };
}

/** Publishes until the reader's socket has had no room for a while. @returns the number of the last message */
async function publishUnread({ server, publisher, reader }: Scene): Promise<number> {
  const { blocked } = server.running.node.parts.context.backlog;
  reader.response.pause();
  let last = Infinity;
  for (let number = 1; number <= last; number += 1) {
    await publisher.publish(TOPIC, { number, filler: FILLER });
    if (blocked.size === 1 && last === Infinity) last = number + BEYOND;
  }
  return last;
}

const sequences = (frames: readonly Frame[]): number[] =>
  frames.filter(({ type }) => type === 'Broadcast').map(({ data }) => data.sequence);
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

test('who reads on in time is given everything, in order, from the log', async () => {
  const scene = await stage();
  const last = await publishUnread(scene);
  scene.reader.response.resume();
  await eventually(() => sequences(scene.reader.frames).at(-1) === last, 'the last message');
  expect(sequences(scene.reader.frames)).toEqual(numbers(1, last));
  expect(scene.reader.untaken('Gap')).toEqual([]);
  await scene.publisher.publish(TOPIC, 'live again');
  expect((await scene.reader.waitFor(({ data }) => data.payload === 'live again', 'it')).data.replayed).toBeUndefined();
  expect(await scene.server.metric('signalbox_delivery_unaccounted')).toBe(0);
});

test('who does not read is cut off, and goes on exactly where it was', async () => {
  const scene = await stage();
  const last = await publishUnread(scene);
  const { server, reader } = scene;
  await eventually(() => server.connections === 1, 'the library to cut the socket', 20_000);
  reader.response.resume();
  await eventually(() => reader.isEnded, 'the end of the stream');
  const got = sequences(reader.frames);
  expect(got).toEqual(numbers(1, got.length));
  expect(got.length).toBeLessThan(last);
  const again = await openStream(server.port, {
    user: 'slow',
    query: { topics: TOPIC },
    headers: { 'last-event-id': reader.lastId },
  });
  await eventually(() => sequences(again.frames).at(-1) === last, 'the rest');
  const rest = sequences(again.frames);
  // At least once: the last id may be that of an event before the last one.
  expect(rest[0]).toBeLessThanOrEqual(got.length + 1);
  expect(rest).toEqual(numbers(rest[0] ?? 0, last));
  expect(again.untaken('Gap')).toEqual([]);
  expect(await server.metric('signalbox_delivery_unaccounted')).toBe(0);
});
