/** Topics of one node in memory: what each keeps, what it costs while nothing happens in it, and what a publish costs. */
import { cpuSeconds, cpuSecondsAtRest, residentBytes } from '../processes.ts';
import { pause } from '../pause.ts';
import type { Budget, Measurement } from './curve.ts';
import { Connection, micros, startNode } from './load.ts';

const COUNTS = [100, 1_000, 10_000, 100_000, 1_000_000];
const PUBLISHES = 20_000;
/** V8 compiles the way of a first publish too. */
const WARM_UP = 5_000;
/** So many topics, spread over all, get the publishes that are measured, and some before: what is new in a log grows. */
const SAMPLE = 100;
const EARLIER = 5_000;
const IDLE_SECONDS = 4;
/** One after the other: what a turn of the node that takes long does to everybody. */
const ANSWERS = 400;
const ANSWER_EVERY_SECONDS = 0.005;
const MEGABYTE = 1_048_576;

export const topics: Measurement = {
  id: 'topics',
  title: 'Topics of one node, in memory',
  of: 'topics',
  kinds: {
    'first publish, µs': 'each',
    'another publish, µs': 'each',
    'memory, MB': 'total',
    'CPU of a second at rest, ms': 'total',
    'slowest answer at rest, ms': 'total',
  },
  run,
};

async function run(budget: Budget): Promise<void> {
  const node = await startNode();
  const { pid, port } = node;
  const publisher = await Connection.open(port, budget.isSpent);
  try {
    // V8 compiles the way of a publish before it is measured.
    await publisher.publish(PUBLISHES, (at) => `bench.warm-${at % WARM_UP}`);
    await pause(1);
    const empty = residentBytes(pid);
    let made = 0;
    const measure = async (count: number): Promise<void> => {
      const from = made;
      const birth = await micros(pid, () => publisher.publish(count - from, (at) => `bench.t${from + at}`));
      made = count;
      const sampled = (at: number): string => `bench.t${Math.floor(((at % SAMPLE) * count) / SAMPLE)}`;
      await publisher.publish(EARLIER, sampled);
      const publish = await micros(pid, () => publisher.publish(PUBLISHES, sampled));
      const idle = cpuSecondsAtRest(pid);
      const ticks = cpuSeconds(pid);
      await pause(IDLE_SECONDS);
      const idled = Math.max(cpuSecondsAtRest(pid) - idle, cpuSeconds(pid) - ticks);
      const slowest = await slowestAnswer(publisher);
      budget.take({
        x: count,
        figures: {
          'first publish, µs': birth / (count - from),
          'another publish, µs': publish / PUBLISHES,
          'memory, MB': (residentBytes(pid) - empty) / MEGABYTE,
          'CPU of a second at rest, ms': (idled / IDLE_SECONDS) * 1_000,
          'slowest answer at rest, ms': slowest,
        },
      });
    };
    for (const count of budget.upTo(COUNTS)) await measure(count);
  } finally {
    publisher.destroy();
    await node.stop();
  }
}

async function slowestAnswer(publisher: Connection): Promise<number> {
  let slowest = 0;
  for (let at = 0; at < ANSWERS; at += 1) {
    const started = performance.now();
    await publisher.publish(1, () => 'bench.t0');
    slowest = Math.max(slowest, performance.now() - started);
    await pause(ANSWER_EVERY_SECONDS);
  }
  return slowest;
}
