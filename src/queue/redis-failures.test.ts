/** Queues in Redis on bad days: consumers that vanish, a Redis that stops, hangs or is full, and one key that has everything. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../test/harness/deadline.ts';
import { redisLink } from '../../test/harness/redis-link.ts';
import { startDurableRedis, startRedis, type RedisServer } from '../../test/harness/redis-server.ts';
import type { RedisLink } from '../redis/link.ts';
import {
  systemClock as clock,
  systemRandom as random,
  systemScheduler as scheduler,
} from '../telemetry/system-clock.ts';
import type { Queue } from './queue.ts';
import { RedisQueueStore } from './redis.ts';
import { consumeAll, HeldWork, putAll, queuesOf } from './test-rig.ts';

const OPTIONS = { maxMessages: 100_000, maxDead: 100, leaseMs: 2_000, wait: null };
const servers: RedisServer[] = [];
let stores: RedisQueueStore[] = [];
let links: RedisLink[] = [];
let server: RedisServer;

beforeEach(async () => {
  servers[0] ??= await startRedis();
  server = servers[0];
});
afterEach(async () => {
  await Promise.all(stores.map((store) => store.stop()));
  for (const link of links) link.stop();
  [stores, links] = [[], []];
});
afterAll(() => {
  for (const one of servers) one.end();
});

let made = 0;
interface OneNode {
  readonly link: RedisLink;
  readonly queue: Queue;
}

/** A queue of two nodes. */
async function twoNodes(at: Pick<RedisServer, 'url'> = server): Promise<readonly [OneNode, OneNode]> {
  made += 1;
  return Promise.all([open(at, `bad-${made}`), open(at, `bad-${made}`)]);
}

async function open(at: Pick<RedisServer, 'url'>, name: string): Promise<OneNode> {
  const link = redisLink(at, 'bad');
  const store = new RedisQueueStore(OPTIONS, link, clock, scheduler, random);
  links.push(link);
  stores.push(store);
  await link.start();
  return { link, queue: queuesOf(store).of(name) };
}

async function drained(queue: Queue): Promise<void> {
  await eventually(async () => {
    const { ready, unacknowledged, later } = await queue.depth();
    return ready + unacknowledged + later === 0;
  }, 'the queue to be empty');
}

test('W-33: messages of a consumer that vanishes are handled by another after its lease, first of their keys, and once', async () => {
  const [one, two] = await twoNodes();
  await putAll(one.queue, ['a', 'b', 'a', 'c', 'b']);
  const work = new HeldWork(one.queue, { prefetch: 2 });
  await work.next();
  await work.next();
  const { seen } = consumeAll(two.queue, {});
  await eventually(() => seen.length === 1, 'the key that nobody has');
  one.link.stop();
  await drained(two.queue);
  expect(seen.map(({ body, attempt }) => [body, attempt])).toEqual([
    [4, 1],
    ...seen.slice(1).map(({ body }) => [body, Number(body) <= 2 ? 2 : 1]),
  ]);
  const orderOf = (key: string): unknown[] => seen.filter((it) => it.key === key).map(({ body }) => body);
  expect([orderOf('a'), orderOf('b')]).toEqual([
    [1, 3],
    [2, 5],
  ]);
});

test('a message that ends every consumer is given up after its attempts', async () => {
  const [one, two] = await twoNodes();
  await putAll(one.queue, ['a', 'a']);
  const work = new HeldWork(one.queue, { attempts: 1 });
  await work.next();
  one.link.stop();
  const { seen } = consumeAll(two.queue, { attempts: 1 });
  await drained(two.queue);
  expect(seen.map(({ body }) => body)).toEqual([2]);
  expect(await two.queue.dead(1)).toMatchObject([{ body: 1, reason: 'no consumer has come to an end with it' }]);
});

test('Redis stops and starts: a put is refused meanwhile, and everything that was confirmed is handled', async () => {
  const durable = await startDurableRedis();
  servers.push(durable);
  const [{ link, queue }] = await twoNodes(durable);
  await putAll(queue, ['a', 'b', 'a', 'c']);
  const work = new HeldWork(queue, { prefetch: 2 });
  const held = [await work.next(), await work.next()];
  await durable.kill();
  await eventually(() => !link.isAvailable, 'the link to notice');
  for (const one of held) one.end();
  await expect(queue.put({ key: 'a', tenant: '', body: 'no' })).rejects.toMatchObject({ problem: 'unavailable' });
  await durable.start();
  (await work.next()).end();
  (await work.next()).end();
  await drained(queue);
  expect(new Set(work.bodies)).toEqual(new Set([1, 2, 3, 4]));
});

test('answers that do not arrive lose nothing and leave nothing in the hands of nobody', async () => {
  const [{ queue }, other] = await twoNodes();
  const { seen } = consumeAll(queue, { prefetch: 4 }, () => new Promise((resolve) => setTimeout(resolve, 2)));
  const keys = Array.from({ length: 200 }, (_, at) => `key-${at % 20}`);
  await Promise.all(keys.map((key, at) => other.queue.put({ id: `${at}`, key, tenant: '', body: at })));
  await eventually(() => seen.length > 20, 'the work to begin');
  server.pause();
  // Longer than a call may take: its outcome is unknown.
  await new Promise((resolve) => setTimeout(resolve, 2_300));
  server.resume();
  await drained(queue);
  expect(new Set(seen.map(({ body }) => body)).size).toBe(200);
});

test('a Redis that is full refuses messages, and those that it has are handled: room comes back', async () => {
  const small = await startRedis(['--maxmemory', '6mb']);
  servers.push(small);
  const [{ queue }] = await twoNodes(small);
  let taken = 0;
  const fill = async (): Promise<void> => {
    for (;;) {
      await queue.put({ key: `${taken}`, tenant: '', body: 'x'.repeat(3_000) });
      taken += 1;
    }
  };
  await expect(fill()).rejects.toMatchObject({ name: 'QueueError', problem: 'full' });
  expect(taken).toBeGreaterThan(100);
  const { seen } = consumeAll(queue, {});
  await drained(queue);
  expect(seen).toHaveLength(taken);
  await queue.put({ key: 'again', tenant: '', body: 'x' });
});

test('one key with two thousand messages keeps its order over two nodes, and another key does not wait for it', async () => {
  const [one, two] = await twoNodes();
  const bodies = Array.from({ length: 2_000 }, (_, at) => at);
  await Promise.all(bodies.map((body) => one.queue.put({ key: 'hot', tenant: '', body })));
  await two.queue.put({ key: 'other', tenant: '', body: -1 });
  const handled: number[] = [];
  for (const { queue } of [one, two])
    consumeAll(queue, {}, ({ body }) => {
      handled.push(Number(body));
    });
  await drained(one.queue);
  expect(handled.filter((body) => body >= 0)).toEqual(bodies);
  expect(handled.indexOf(-1)).toBeLessThan(1_900);
});

test('a purge leaves the lanes whole while messages come and go', async () => {
  const [{ queue }] = await twoNodes();
  await putAll(queue, ['a', 'a', 'a', 'b', 'b']);
  const work = new HeldWork(queue, { prefetch: 1 });
  const first = await work.next();
  expect(await queue.purge()).toBe(4);
  await putAll(queue, ['a', 'b'], 6);
  first.end();
  (await work.next()).end();
  (await work.next()).end();
  await drained(queue);
  expect(work.bodies).toEqual([1, 6, 7]);
  const keys = await server.redis.keys(`bad:queue*:{${queue.name}}`);
  expect(keys.filter((key) => !/queue:|queueconsumers|queuehungry/.test(key))).toEqual([]);
});

test('the rights that docs/redis.md names are enough for everything that queues do', async () => {
  const page = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8');
  const [, line = ''] = /ACL SETUSER signalbox on >PASSWORD (.*)/.exec(page) ?? [];
  const [, more = ''] = /of applications need more: `([^`]+)`/.exec(page) ?? [];
  await server.redis.call(
    'ACL',
    'SETUSER',
    'queues',
    'on',
    '>pw',
    ...`${line} ${more}`.replace('~signalbox:*', '~bad:*').split(' '),
  );
  const [{ queue }, other] = await twoNodes({ url: server.url.replace('//', '//queues:pw@') });
  await putAll(queue, ['a', 'a', 'b', 'c']);
  const work = new HeldWork(queue, { prefetch: 2 });
  (await work.next()).end({ retryAfterMs: 10 });
  (await work.next()).end({ dead: 'poison' });
  await eventually(async () => (await queue.depth()).dead === 1, 'a dead letter');
  expect(await queue.dead(1)).toHaveLength(1);
  expect(await queue.replay(null)).toBe(1);
  await work.consumer.stop(0);
  expect(await queue.purge()).toBe(4);
  const { seen } = consumeAll(other.queue, {});
  await putAll(queue, ['z']);
  await eventually(() => seen.length === 1, 'one more');
  expect(await queue.purgeDead()).toBe(0);
});
