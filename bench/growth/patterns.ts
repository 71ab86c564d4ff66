/** Patterns on one node that begin alike and match different topics: what a topic's birth and a publish cost beside them. */
import type { Budget, Measurement } from './curve.ts';
import { Connection, micros, startNode } from './load.ts';

const COUNTS = [1, 10, 100, 1_000];
const KNOWN = 10_000;
const BIRTHS = 1_000;
const PUBLISHES = 20_000;
/** V8 compiles the look at names. */
const WARM_UP = 100;
const OF_ONE_FRAME = 100;
const OF_A_CONNECTION = 100;

export const patterns: Measurement = {
  id: 'patterns',
  title: 'Patterns on one node, all with the same first segment',
  of: 'patterns',
  kinds: {
    'subscribe to a pattern, µs': 'each',
    // Each pattern that begins alike may be asked, so this may grow as they do.
    'first publish to a topic, µs': 'total',
    'another publish, µs': 'each',
  },
  run,
};

async function run(budget: Budget): Promise<void> {
  const node = await startNode();
  const { pid, port } = node;
  const publisher = await Connection.open(port, budget.isSpent);
  const readers: Connection[] = [];
  let [made, born] = [0, 0];
  const birth = (count: number): Promise<void> => {
    const from = born;
    born += count;
    // No pattern matches them, and every one of them may.
    return publisher.publish(count, (at) => `bench.n${from + at}.none`);
  };
  try {
    await publisher.publish(PUBLISHES, () => 'bench.known.none');
    await birth(KNOWN);
    const warm = await Connection.open(port);
    await warm.subscribe(Array.from({ length: WARM_UP }, (_, at) => `bench.*.w${at}`));
    warm.destroy();
    for (const count of budget.upTo(COUNTS)) {
      if (budget.isSpent()) break;
      const more = count - made;
      const fresh: Connection[] = [];
      for (let at = 0; at < more; at += OF_A_CONNECTION) fresh.push(await Connection.open(port));
      readers.push(...fresh);
      const subscribe = await micros(pid, async () => {
        for (const reader of fresh) {
          const upTo = Math.min(count, made + OF_A_CONNECTION);
          for (; made < upTo; made = Math.min(upTo, made + OF_ONE_FRAME))
            await reader.subscribe(
              Array.from({ length: Math.min(OF_ONE_FRAME, upTo - made) }, (_, at) => `bench.*.k${made + at}`),
            );
        }
      });
      const births = await micros(pid, () => birth(BIRTHS));
      const publish = await micros(pid, () => publisher.publish(PUBLISHES, () => 'bench.known.none'));
      budget.take({
        x: count,
        figures: {
          'subscribe to a pattern, µs': subscribe / more,
          'first publish to a topic, µs': births / BIRTHS,
          'another publish, µs': publish / PUBLISHES,
        },
      });
    }
  } finally {
    for (const each of [publisher, ...readers]) each.destroy();
    await node.stop();
  }
}
