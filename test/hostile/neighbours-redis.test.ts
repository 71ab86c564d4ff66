/**
 * One user with patterns at the edge of the limits, on a Redis with many topics, beside somebody who publishes: the victim's
 * acknowledgements come as they did before. neighbours.test.ts has the attacks that need no Redis.
 */
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Campaign } from '../harness/campaign.ts';
import { connect, type Connection } from '../harness/client.ts';
import { within } from '../harness/deadline.ts';
import type { Neighbour } from '../harness/neighbour.ts';
import { handshakeText, OPCODE, rawFrame } from '../harness/raw-socket.ts';
import { startRedis, type RedisServer } from '../harness/redis-server.ts';

/** Topics in Redis, all under one first segment. */
const TOPICS = 50_000;
const SLOWER = 3;
const FLOOR_MS = 25;
const SAMPLES = 50;
const PAUSE_MS = 2;
/** Others use the processors too: it holds if it held once. */
const TRIES = 4;
const PATIENCE_MS = 60_000;

const campaign = new Campaign();
const workers: Worker[] = [];
let redis: RedisServer;
afterAll(() => Promise.all(workers.map((worker) => worker.terminate())));

beforeAll(async () => {
  redis = await startRedis();
  await campaign.start({ 'redis.url': redis.url }, { LOG_LEVEL: 'info' });
});

const names = <T = string>(count: number, name: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => name(at));
const framed = (type: string, data: object): Buffer =>
  rawFrame({ opcode: OPCODE.text, payload: JSON.stringify({ type, id: 'x', data }) });
const onAndOff = (topics: readonly string[]): Buffer[] => [
  framed('Subscribe', { topics }),
  framed('Unsubscribe', { topics }),
];

const ATTACKS: readonly { readonly name: string; readonly messages: () => Buffer[] }[] = [
  { name: 'a hundred patterns that match nothing', messages: () => onAndOff(names(100, (at) => `fill.*.z${at}`)) },
  { name: 'one pattern after the other', messages: () => names(100, (at) => onAndOff([`fill.*.z${at}`])).flat() },
];

async function publish(victim: Connection, count: number): Promise<number[]> {
  const latencies: number[] = [];
  while (latencies.length < count) {
    const started = performance.now();
    const { type } = await victim.publish('victim.a', 'steady');
    expect(type).toBe('Ack');
    latencies.push(performance.now() - started);
    await new Promise((resolve) => {
      setTimeout(resolve, PAUSE_MS);
    });
  }
  return latencies;
}

function worst(latencies: readonly number[]): number {
  return latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length * 0.99) - 1] ?? Number.NaN;
}

async function run(messages: readonly Buffer[]): Promise<() => Promise<unknown>> {
  const heads: string[] = [];
  for (const user of names(4, () => 'mallory')) heads.push(await handshakeText(user));
  const workerData: Neighbour = { port: campaign.port, heads, messages, everyMs: 1 };
  const worker = new Worker(new URL('../harness/neighbour.ts', import.meta.url), { workerData });
  workers.push(worker);
  await within(new Promise((resolve) => worker.once('message', resolve)), 'the attack to begin');
  return () => worker.terminate();
}

test(
  'a Redis with many topics',
  async () => {
    const client = await connect(campaign.port, { user: 'first' });
    await client.publish('fill.first', 1);
    await client.close();
    // As the node wrote the first one.
    const [index] = await redis.redis.keys('signalbox:index:{fill:*');
    const fields = await redis.redis.hgetall('signalbox:topic:{fill.first}');
    for (let at = 0; at < TOPICS; at += 1_000) {
      const pipeline = redis.redis.pipeline();
      for (const name of names(1_000, (each) => `fill.${at + each}.a`)) {
        pipeline.hset(`signalbox:topic:{${name}}`, fields);
        pipeline.zadd(index ?? '', 0, name);
      }
      await pipeline.exec();
    }
  },
  PATIENCE_MS,
);

test('one Subscribe of a hundred patterns is answered soon', async () => {
  const client = await connect(campaign.port, { user: 'mallory' });
  const started = performance.now();
  const { data } = await client.ask('Subscribe', { topics: names(100, (at) => `fill.*.z${at}`) });
  const took = performance.now() - started;
  expect(data.details).not.toHaveProperty('rejected.0');
  await client.close();
  // 130 to 330 ms beside other work; before patterns shared their walks 5.8 s.
  expect(took).toBeLessThan(3_000);
});

test.each(ATTACKS)(
  '$name: the victim notices little',
  async ({ messages }) => {
    const victim = await connect(campaign.port, { user: 'victim' });
    let [quiet, during] = [0, Infinity];
    for (let at = 0; at < TRIES && during > Math.max(FLOOR_MS, SLOWER * quiet); at += 1) {
      quiet = worst(await publish(victim, SAMPLES / 2));
      const stop = await run(messages());
      during = worst(await publish(victim, SAMPLES));
      expect((await campaign.get('/health')).status).toBe(200);
      await stop();
    }
    await victim.close();
    expect(during, `99 % within ${during} ms, before within ${quiet} ms`).toBeLessThanOrEqual(
      Math.max(FLOOR_MS, SLOWER * quiet),
    );
  },
  PATIENCE_MS,
);
