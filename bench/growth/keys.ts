/** Topics in Redis, two keys and some entries each: what a publish costs the node and Redis, what rest and a start cost. */
import { Redis } from 'ioredis';
import { pause } from '../pause.ts';
import { allAtRest } from '../against/rest.ts';
import { RedisProcess } from '../redis/redis-process.ts';
import type { Budget, Measurement } from './curve.ts';
import { Connection, startNode } from './load.ts';

/** Of each topic two keys are its own: its stream, and what is known of it. */
const COUNTS = [500, 5_000, 50_000, 500_000];
const PUBLISHES = 10_000;
/** V8 compiles the way of a first publish too. */
const WARM_UP = 2_000;
const IDLE_SECONDS = 4;
const STRIDE = 7_919;

export const keys: Measurement = {
  id: 'keys',
  title: 'Keys in Redis, two of each topic',
  of: 'keys',
  kinds: {
    'first publish, µs of the node': 'each',
    'first publish, µs of Redis': 'each',
    'another publish, µs of the node': 'each',
    'another publish, µs of Redis': 'each',
    'memory of Redis, MB': 'total',
    'CPU of a second at rest, ms of the node': 'total',
    'CPU of a second at rest, ms of Redis': 'total',
    'start of another node, ms': 'total',
  },
  run,
};

async function run(budget: Budget): Promise<void> {
  const redis = await RedisProcess.start();
  const asked = new Redis({ port: redis.port, host: '127.0.0.1' });
  const node = await startNode({ 'redis.url': redis.url });
  const publisher = await Connection.open(node.port, budget.isSpent);
  try {
    await publisher.publish(PUBLISHES, (at) => `bench.warm-${at % WARM_UP}`);
    const empty = await memory();
    const others = await asked.dbsize();
    let made = 0;
    const measure = async (count: number): Promise<void> => {
      const from = made;
      const birth = await spent(() => publisher.publish(count - from, (at) => `bench.t${from + at}`));
      made = count;
      const publish = await spent(() => publisher.publish(PUBLISHES, (at) => `bench.t${(at * STRIDE) % count}`));
      const idle = await spent(() => pause(IDLE_SECONDS));
      const started = performance.now();
      const another = await startNode({ 'redis.url': redis.url });
      const startMs = performance.now() - started;
      await another.stop();
      budget.take({
        // Without those of the warm-up, whose memory is not counted either.
        x: (await asked.dbsize()) - others,
        figures: {
          'first publish, µs of the node': birth.node / (count - from),
          'first publish, µs of Redis': birth.redis / (count - from),
          'another publish, µs of the node': publish.node / PUBLISHES,
          'another publish, µs of Redis': publish.redis / PUBLISHES,
          'memory of Redis, MB': ((await memory()) - empty) / 1_048_576,
          'CPU of a second at rest, ms of the node': idle.node / IDLE_SECONDS / 1_000,
          'CPU of a second at rest, ms of Redis': idle.redis / IDLE_SECONDS / 1_000,
          'start of another node, ms': startMs,
        },
      });
    };
    for (const count of budget.upTo(COUNTS)) await measure(count);
  } finally {
    publisher.destroy();
    asked.disconnect();
    await node.stop();
    await redis.end();
  }

  async function memory(): Promise<number> {
    return Number(/used_memory:(\d+)/.exec(await asked.info('memory'))?.[1]);
  }

  /** µs of both. */
  async function spent(run: () => Promise<void>): Promise<{ node: number; redis: number }> {
    const pids = [node.pid, redis.pid];
    const before = await allAtRest(pids);
    await run();
    const after = await allAtRest(pids);
    const [ofNode = 0, ofRedis = 0] = after.map((seconds, at) => (seconds - (before[at] ?? 0)) * 1e6);
    return { node: ofNode, redis: ofRedis };
  }
}
