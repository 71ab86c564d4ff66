/** Nodes on one Redis, a reader of every topic on each: what a publication costs its node, each reader's node and Redis. */
import { cpuSecondsAtRest } from '../processes.ts';
import { pause } from '../pause.ts';
import { allAtRest, reached } from '../against/rest.ts';
import { RedisProcess } from '../redis/redis-process.ts';
import type { ServerProcess } from '../processes.ts';
import type { Budget, Measurement, Point } from './curve.ts';
import { Connection, startNode } from './load.ts';

const COUNTS = [1, 2, 4, 8];
const TOPICS = 100;
const PUBLISHES = 10_000;
const IDLE_SECONDS = 3;
const NAMES = Array.from({ length: TOPICS }, (_, at) => `bench.t${at}`);

export const nodes: Measurement = {
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
  run,
};

async function run(budget: Budget): Promise<void> {
  const redis = await RedisProcess.start();
  const running: ServerProcess[] = [];
  const readers: Connection[] = [];
  try {
    for (const count of budget.upTo(COUNTS)) {
      if (budget.isSpent()) break;
      while (running.length < count) {
        const node = await startNode({ 'redis.url': redis.url });
        running.push(node);
        const reader = await Connection.open(node.port);
        readers.push(reader);
        await reader.subscribe(NAMES);
      }
      budget.take(await measure(running, readers, redis.pid, budget));
    }
  } finally {
    for (const reader of readers) reader.destroy();
    await Promise.all(running.map((node) => node.stop()));
    await redis.end();
  }
}

async function measure(
  running: readonly ServerProcess[],
  readers: readonly Connection[],
  redis: number,
  { isSpent }: Budget,
): Promise<Point> {
  const [first, ...others] = running as [ServerProcess, ...ServerProcess[]];
  const publisher = await Connection.open(first.port, isSpent);
  const goals = readers.map((reader) => reader.received);
  const publish = async (): Promise<void> => {
    await publisher.publish(PUBLISHES, (at) => NAMES[at % TOPICS] as string);
    for (const [at, reader] of readers.entries()) {
      goals[at] = (goals[at] ?? 0) + PUBLISHES;
      if (!(await reached(() => reader.received, goals[at])) || reader.received !== goals[at])
        throw new Error(`expected ${goals[at]} deliveries of reader ${at}, got ${reader.received}`);
    }
  };
  // Followers compile their way too.
  await publish();
  const all = [first.pid, redis, ...others.map(({ pid }) => pid)];
  const before = await allAtRest(all);
  await publish();
  const after = await allAtRest(all);
  const idleFrom = all.map((pid) => cpuSecondsAtRest(pid));
  await pause(IDLE_SECONDS);
  const idle = all.map((pid, at) => ((cpuSecondsAtRest(pid) - (idleFrom[at] ?? 0)) * 1_000) / IDLE_SECONDS);
  publisher.destroy();
  const [own = 0, ofRedis = 0, ...theirs] = after.map((value, at) => ((value - (before[at] ?? 0)) * 1e6) / PUBLISHES);
  const [ownIdle = 0, redisIdle = 0, ...theirIdle] = idle;
  return {
    x: running.length,
    figures: {
      'publish, µs of its node': own,
      'deliver, µs of another node': theirs.length === 0 ? Number.NaN : sum(theirs) / theirs.length,
      'publish, µs of Redis': ofRedis,
      'CPU of a second at rest, ms of a node': (ownIdle + sum(theirIdle)) / running.length,
      'CPU of a second at rest, ms of Redis': redisIdle,
    },
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
