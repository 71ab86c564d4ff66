/** Ten thousand subscriptions, on connections that have one of them each, or ten, up to all of them. */
import { pause } from '../pause.ts';
import { residentBytes } from '../processes.ts';
import { reached } from '../against/rest.ts';
import type { Budget, Measurement, Point } from './curve.ts';
import { Connection, micros, startNode } from './load.ts';

const COUNTS = [1, 10, 100, 1_000, 10_000];
const ALL = 10_000;
const PUBLISHES = 10_000;
const OF_ONE_FRAME = 100;
/** However many connections they come from: frames of one turn share what a turn costs. */
const FRAMES_AT_ONCE = 50;
/** So many are left, the rest end with their connections. */
const LEFT = 5_000;
const OPEN_AT_ONCE = 50;
const STRIDE = 7_919;

export const subscriptions: Measurement = {
  id: 'subscriptions',
  title: 'Subscriptions of one connection, 10,000 in all',
  of: 'subscriptions of a connection',
  kinds: {
    'subscribe, µs': 'each',
    'publish with its one delivery, µs': 'each',
    'memory of a subscription, bytes': 'each',
    'unsubscribe, µs': 'each',
    'end with the connection, µs': 'each',
  },
  run,
};

async function run(budget: Budget): Promise<void> {
  for (const each of budget.upTo(COUNTS)) {
    if (budget.isSpent()) break;
    budget.take(await measure(each, budget));
  }
}

async function measure(each: number, { isSpent }: Budget): Promise<Point> {
  const node = await startNode();
  const { pid, port } = node;
  const publisher = await Connection.open(port, isSpent);
  const readers: Connection[] = [];
  try {
    // The topics are there before anybody subscribes, and everything is compiled.
    await publisher.publish(PUBLISHES, (at) => `bench.t${at}`);
    const warm = await Connection.open(port);
    for (let at = 0; at < ALL; at += OF_ONE_FRAME) await warm.subscribe(names(at, OF_ONE_FRAME));
    await publisher.publish(PUBLISHES, (at) => `bench.t${at}`);
    for (let at = 0; at < ALL; at += OF_ONE_FRAME) await warm.unsubscribe(names(at, OF_ONE_FRAME));
    warm.destroy();
    while (readers.length < ALL / each)
      readers.push(
        ...(await Promise.all(
          Array.from({ length: Math.min(OPEN_AT_ONCE, ALL / each - readers.length) }, () => Connection.open(port)),
        )),
      );
    await pause(1);
    const before = residentBytes(pid);
    const subscribe = await micros(pid, async () => {
      await inFrames(readers, each, each, (reader, topics) => reader.subscribe(topics));
    });
    await pause(1);
    const memory = residentBytes(pid) - before;
    const received = (): number => readers.reduce((sum, reader) => sum + reader.received, 0);
    const publish = await micros(pid, async () => {
      await publisher.publish(PUBLISHES, (at) => `bench.t${(at * STRIDE) % ALL}`);
      await reached(received, PUBLISHES);
    });
    if (received() !== PUBLISHES) throw new Error(`expected ${PUBLISHES} deliveries, got ${received()}`);
    const leave = await micros(pid, async () => {
      const some = readers.slice(0, Math.ceil(LEFT / each));
      await inFrames(some, each, Math.min(each, LEFT), (reader, topics) => reader.unsubscribe(topics));
    });
    const end = await micros(pid, async () => {
      for (const reader of readers) reader.destroy();
      await pause(0.2);
    });
    return {
      x: each,
      figures: {
        'subscribe, µs': subscribe / ALL,
        'publish with its one delivery, µs': publish / PUBLISHES,
        'memory of a subscription, bytes': memory / ALL,
        'unsubscribe, µs': leave / LEFT,
        'end with the connection, µs': end / (ALL - LEFT),
      },
    };
  } finally {
    for (const each of [publisher, ...readers]) each.destroy();
    await node.stop();
  }
}

/** @param each topics between the first of a reader and the first of the next; of these `count` are named */
async function inFrames(
  readers: readonly Connection[],
  each: number,
  count: number,
  ask: (reader: Connection, topics: string[]) => Promise<unknown>,
): Promise<void> {
  const frames = readers.flatMap((reader, number) =>
    Array.from({ length: Math.ceil(count / OF_ONE_FRAME) }, (_, at) => ({
      reader,
      topics: names(number * each + at * OF_ONE_FRAME, Math.min(OF_ONE_FRAME, count - at * OF_ONE_FRAME)),
    })),
  );
  const next = frames.values();
  const one = async (): Promise<void> => {
    for (const { reader, topics } of next) await ask(reader, topics);
  };
  await Promise.all(Array.from({ length: FRAMES_AT_ONCE }, one));
}

function names(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `bench.t${from + at}`);
}
