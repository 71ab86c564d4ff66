/** One run: everybody begins, the schedule happens, everything is put right, and everybody gets the last messages. */
import { setTimeout as pause } from 'node:timers/promises';
import { SeededRandom } from '../../src/simulation/seeded-random.ts';
import type { Cluster } from './cluster.ts';
import { perform } from './faults.ts';
import type { ChaosOptions } from './options.ts';
import { eventually } from './processes.ts';
import { Publisher } from './publisher.ts';
import { emptyRecord, type Record } from './record.ts';
import { print } from './report.ts';
import type { Scene } from './scene.ts';
import { FAULTS, tell, type PlannedFault } from './schedule.ts';
import { Subscriber } from './subscriber.ts';

const SETTLED_WITHIN_MS = 20_000;
/** At least this long nothing happens between two faults. */
const CALM_MS = 1_000;

export async function run(cluster: Cluster, plan: readonly PlannedFault[], options: ChaosOptions): Promise<Record> {
  const began = performance.now();
  const scene: Scene = {
    record: emptyRecord(),
    topics: Array.from({ length: options.topics }, (_, at) => `chaos.t${at}`),
    doors: cluster.doors,
    nodeDoors: cluster.nodes.map(({ url }) => url),
    now: () => performance.now() - began,
  };
  // Topics exist before anybody listens: one that is born while a pattern's subscriber is away is not told to it.
  const closer = new Publisher(scene, randomFor(options, 0), 'closer', 1);
  for (const topic of scene.topics) await closer.last(topic);
  const subscribers = subscribersOf(scene, options);
  const publishers = publishersOf(scene, options);
  const listening = subscribers.map((subscriber) => subscriber.run());
  await eventually(() => subscribers.every(({ hasJoined }) => hasJoined), 'all subscribers to join');
  const publishing = publishers.map((publisher) => publisher.run());
  await follow(plan, cluster, scene, options);
  for (const publisher of publishers) publisher.stop();
  await Promise.all(publishing);
  for (const subscriber of subscribers) subscriber.settle();
  await closeTopics(scene, closer);
  closer.stop();
  for (const subscriber of subscribers) subscriber.stop();
  await Promise.all(listening);
  return scene.record;
}

/** Each has its own, so that what one does depends on no other. */
function randomFor({ seed }: ChaosOptions, actor: number): SeededRandom {
  return new SeededRandom(seed * 1_000 + actor);
}

function publishersOf(scene: Scene, options: ChaosOptions): Publisher[] {
  const everyMs = (1_000 * options.publishers) / options.rate;
  return Array.from(
    { length: options.publishers },
    (_, at) => new Publisher(scene, randomFor(options, 100 + at), `publisher-${at}`, everyMs),
  );
}

/** Every third listens to a pattern, every fourth stalls. */
function subscribersOf(scene: Scene, options: ChaosOptions): Subscriber[] {
  return Array.from({ length: options.subscribers }, (_, at) => {
    const habits = { name: `subscriber-${at}`, pattern: at % 3 === 1 ? 'chaos.*' : null, stalls: at % 4 === 3 };
    return new Subscriber(scene, randomFor(options, 200 + at), habits);
  });
}

async function follow(
  plan: readonly PlannedFault[],
  cluster: Cluster,
  { record, now }: Scene,
  { seconds }: ChaosOptions,
): Promise<void> {
  const began = now();
  const until = (at: number, atLeast = 0): Promise<void> => pause(Math.max(atLeast, began + at - now()));
  for (const fault of plan) {
    await until(fault.at, CALM_MS);
    const from = now();
    // A fault that had to wait for those before it comes too late.
    if (from - began > seconds * 1_000) return;
    let healed = from;
    const cases = fault.beside === null ? [fault] : [fault, fault.beside];
    const name = cases.map(({ name }) => name).join(' with ');
    print(`${(from / 1_000).toFixed(1)} s: ${cases.map(tell).join(', ')}`);
    const before = await cluster.redis.primaryPort();
    try {
      await Promise.all(cases.map((one) => perform(cluster, one, () => (healed = now()))));
    } catch (error) {
      record.failures.push(`not put right: ${name} at ${Math.round(from)} ms: ${String(error)}`);
      return;
    } finally {
      // On a busy machine Sentinel may mind what was meant to be short.
      const isFailover = (await cluster.redis.primaryPort()) !== before;
      const mayLose = FAULTS[fault.name].mayLose || isFailover;
      const suffix = isFailover && !FAULTS[fault.name].mayLose ? ' that became a failover' : '';
      record.disturbances.push({ name: `${name}${suffix}`, from, healed, until: now(), mayLose });
    }
  }
  await until(seconds * 1_000);
}

async function closeTopics({ record, topics }: Scene, closer: Publisher): Promise<void> {
  try {
    for (const topic of topics) record.last.set(topic, await closer.last(topic));
  } catch (error) {
    record.failures.push(String(error));
    return;
  }
  // The checks name those that do not get there.
  await eventually(() => hasEverybody(record), 'everybody', SETTLED_WITHIN_MS).catch(() => {});
}

function hasEverybody({ heard, last }: Record): boolean {
  return [...heard.values()].every((events) =>
    [...last].every(([topic, payload]) => {
      const event = events.findLast((event) => event.topic === topic && event.kind === 'received');
      return event?.kind === 'received' && event.payload === payload;
    }),
  );
}
