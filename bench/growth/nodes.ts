/** Nodes on one Redis, a reader of every topic on each: what a publication costs its node, each reader's node and Redis. */
import { cpuSecondsAtRest } from '../processes.ts';
import { pause } from '../pause.ts';
import { atRest, reached } from '../against/rest.ts';
import { RedisProcess } from '../redis/redis-process.ts';
import type { ServerProcess } from '../processes.ts';
import type { Curve, Point } from './curve.ts';
import { Connection, startNode } from './load.ts';
import type { Budget } from './run.ts';

const COUNTS = [1, 2, 4, 8];
const TOPICS = 100;
const PUBLISHES = 10_000;
const IDLE_SECONDS = 3;

export async function nodes(budget: Budget): Promise<Curve> {
  const redis = await RedisProcess.start();
  const running: ServerProcess[] = [];
  const readers: Connection[] = [];
  const points: Point[] = [];
  const names = Array.from({ length: TOPICS }, (_, at) => `bench.t${at}`);
  try {
    for (const count of budget.upTo(COUNTS)) {
      if (budget.isSpent()) break;
      while (running.length < count) {
        const node = await startNode({ 'redis.url': redis.url });
        running.push(node);
        const reader = await Connection.open(node.port);
        readers.push(reader);
        await reader.subscribe(names);
      }
      points.push(await measure(count));
      budget.say(points.at(-1));
    }
  } finally {
    for (const reader of readers) reader.destroy();
    await Promise.all(running.map((node) => node.stop()));
    await redis.end();
  }
  return {
    id: 'nodes',
    title: 'Nodes on one Redis, a reader of 100 topics on each',
    of: 'nodes',
    kinds: {
      'publish, µs of its node': 'each',
      'deliver, µs of another node': 'each',
      'publish, µs of Redis': 'total',
      'CPU of a second at rest, ms of a node': 'each',
      'CPU of a second at rest, ms of Redis': 'total',
    },
    points,
  };

  async function measure(count: number): Promise<Point> {
    const [first, ...others] = running as [ServerProcess, ...ServerProcess[]];
    const publisher = await Connection.open(first.port);
    const publish = (): Promise<void> => publisher.publish(PUBLISHES, (at) => names[at % TOPICS] as string);
    const arrived = async (): Promise<void> => {
      for (const reader of readers) await reached(() => reader.received, (readers[0] as Connection).received);
    };
    // Followers compile their way too.
    await publish();
    await arrived();
    const all = [first.pid, redis.pid, ...others.map(({ pid }) => pid)];
    const used = async (): Promise<number[]> => {
      for (const pid of all) await atRest(pid);
      return all.map((pid) => cpuSecondsAtRest(pid));
    };
    const before = await used();
    const earlier = readers.map((reader) => reader.received);
    await publish();
    await arrived();
    const after = await used();
    const missing = readers.filter((reader, at) => reader.received - (earlier[at] as number) !== PUBLISHES).length;
    if (missing > 0) throw new Error(`expected ${PUBLISHES} deliveries of each reader, ${missing} got another number`);
    await pause(IDLE_SECONDS);
    const rested = all.map((pid) => cpuSecondsAtRest(pid));
    publisher.destroy();
    const [own = 0, ofRedis = 0, ...theirs] = after.map(
      (value, at) => ((value - (before[at] as number)) * 1e6) / PUBLISHES,
    );
    const idle = rested.map((value, at) => ((value - (after[at] as number)) * 1_000) / IDLE_SECONDS);
    return {
      x: count,
      figures: {
        'publish, µs of its node': own,
        'deliver, µs of another node': theirs.length === 0 ? Number.NaN : sum(theirs) / theirs.length,
        'publish, µs of Redis': ofRedis,
        'CPU of a second at rest, ms of a node': (sum(idle) - (idle[1] as number)) / count,
        'CPU of a second at rest, ms of Redis': idle[1] as number,
      },
    };
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
