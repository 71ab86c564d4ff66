/** The queue in a real Redis, for all nodes together. */
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { QUEUE_FULL } from '../../src/apps/webhooks/queue-limits.ts';
import { SharedQueue, type SharedQueueOptions } from '../../src/apps/webhooks/redis-queue.ts';
import type { RedisLink } from '../../src/redis/link.ts';
import { systemClock, systemScheduler } from '../../src/telemetry/system-clock.ts';
import { Backend } from '../harness/backend.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { freePort } from '../harness/free-port.ts';
import { redisLink } from '../harness/redis-link.ts';
import { startDurableRedis, startRedis, type RedisServer } from '../harness/redis-server.ts';
import { startWebhookBackend, WebhookBackend } from '../harness/webhook-backend.ts';
import { startWebhookServer } from '../harness/webhook-server.ts';

let redis: RedisServer;
let lastPrefix = 0;

beforeAll(async () => {
  redis = await startRedis();
});

async function linkTo(server: RedisServer, prefix: string): Promise<RedisLink> {
  const link = redisLink(server, prefix);
  await link.start();
  onTestFinished(() => link.stop());
  return link;
}

interface Opened {
  readonly queue: SharedQueue;
  readonly dropped: [number, string][];
}

const LIMITS = { maxEvents: 1_000, maxBytes: 10_000_000, deadLetters: 100, leaseMs: 400 };

async function open(link: RedisLink, owner: string, options: Partial<SharedQueueOptions> = {}): Promise<Opened> {
  const dropped: [number, string][] = [];
  const queue = new SharedQueue({ ...LIMITS, owner, ...options }, link, systemClock, systemScheduler, {
    filled: () => {},
    dropped: (events, why) => dropped.push([events, why]),
    failed: () => {},
  });
  await queue.open();
  onTestFinished(() => queue.close());
  return { queue, dropped };
}

const newPrefix = (): string => `w${(lastPrefix += 1)}`;
const eventOf = (n: number): string => JSON.stringify({ id: `e-${n}`, at: 0, n });
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);
const numbers = (events: readonly string[] = []): number[] =>
  events.map((text) => (JSON.parse(text) as { n: number }).n);

async function put(queue: SharedQueue, from: number, to: number): Promise<void> {
  for (const n of range(from, to)) queue.put(eventOf(n));
  await queue.flush();
}

describe('the queue', () => {
  test('gives events back in order, until they are done', async () => {
    const { queue } = await open(await linkTo(redis, newPrefix()), 'a');
    await put(queue, 1, 10);
    const batch = await queue.peek(4, 1_000_000);
    expect(numbers(batch?.events)).toEqual([1, 2, 3, 4]);
    await queue.done(batch?.end ?? 0);
    expect(numbers((await queue.peek(100, 1_000_000))?.events)).toEqual(range(5, 10));
    expect(queue.size()).toMatchObject({ events: 6, deadLetters: 0 });
  });

  test('one node delivers, another one when that is gone, or as soon as there was nothing', async () => {
    const link = await linkTo(redis, newPrefix());
    const [first, second] = [await open(link, 'a'), await open(link, 'b')];
    await put(second.queue, 1, 3);
    expect(numbers((await first.queue.peek(1, 1_000))?.events)).toEqual([1]);
    expect(await second.queue.peek(1, 1_000)).toBeNull();
    await eventually(async () => (await second.queue.peek(1, 1_000)) !== null, 'the end of the lease');
    expect(await first.queue.peek(1, 1_000)).toBeNull();
    await first.queue.done(1);
    const batch = await second.queue.peek(10, 1_000);
    expect(numbers(batch?.events), 'only the one that delivers removes').toEqual([1, 2, 3]);
    await second.queue.done(batch?.end ?? 0);
    expect((await second.queue.peek(10, 1_000))?.events).toEqual([]);
    expect((await first.queue.peek(10, 1_000))?.events).toEqual([]);
  });

  test('drops the oldest when it is full: counted, and kept as dead letters; what is under way is not done twice', async () => {
    const { queue, dropped } = await open(await linkTo(redis, newPrefix()), 'a', { maxEvents: 10 });
    await put(queue, 1, 10);
    const batch = await queue.peek(4, 1_000_000);
    await put(queue, 11, 16);
    await queue.done(batch?.end ?? 0);
    expect(numbers((await queue.peek(100, 1_000_000))?.events)).toEqual(range(7, 16));
    expect(dropped).toEqual([[6, 'full']]);
    expect((await queue.deadLetters(10))[0]).toMatchObject({ id: 'e-6', reason: QUEUE_FULL, event: eventOf(6) });
  });

  test('drops the oldest when its bytes are too many', async () => {
    const { queue, dropped } = await open(await linkTo(redis, newPrefix()), 'a', { maxBytes: 100 });
    await put(queue, 1, 9);
    const kept = numbers((await queue.peek(100, 1_000_000))?.events);
    expect(kept.at(-1)).toBe(9);
    expect(kept.length + (dropped[0]?.[0] ?? 0)).toBe(9);
    expect(queue.size().bytes).toBeLessThanOrEqual(100);
  });

  test('replays dead letters, by id or all, and keeps as many as may be', async () => {
    const { queue } = await open(await linkTo(redis, newPrefix()), 'a', { deadLetters: 5 });
    await queue.bury(range(1, 8).map((n) => ({ id: `e-${n}`, reason: 'rejected', at: 1, event: eventOf(n) })));
    expect((await queue.deadLetters(3)).map(({ id }) => id)).toEqual(['e-8', 'e-7', 'e-6']);
    expect(await queue.replay(['e-6', 'e-1'])).toBe(1);
    expect(await queue.replay(null)).toBe(4);
    expect(numbers((await queue.peek(100, 1_000_000))?.events)).toEqual([6, 4, 5, 7, 8]);
    expect(queue.size()).toMatchObject({ events: 5, deadLetters: 0 });
  });

  test('keeps in memory what Redis does not take, and puts it in when Redis is back', async () => {
    const server = await startDurableRedis();
    onTestFinished(() => server.end());
    const { queue, dropped } = await open(await linkTo(server, newPrefix()), 'a');
    await put(queue, 1, 3);
    await server.kill();
    await put(queue, 4, 6);
    expect(queue.size().events).toBe(6);
    await server.start();
    await eventually(async () => (await queue.peek(100, 1_000_000))?.events.length === 6, 'Redis to have all');
    expect(numbers((await queue.peek(100, 1_000_000))?.events)).toEqual(range(1, 6));
    expect(dropped).toEqual([]);
  });
});

describe('nodes', () => {
  const section = { tell: ['connected', 'subscribed', 'disconnected'], queue: 'shared' };
  const onRedis = (name: string): Record<string, string> => ({
    'redis.url': redis.url,
    'redis.prefix': `nodes${lastPrefix}`,
    'server.node_name': name,
  });

  test('share a queue: each connection is told in order, whichever node delivers', async () => {
    newPrefix();
    const backend = await startWebhookBackend();
    const servers = [
      await startWebhookServer(backend, section, onRedis('one')),
      await startWebhookServer(backend, section, onRedis('two')),
    ];
    await Promise.all(
      range(0, 9).map(async (n) => {
        const client = await connect(servers[n % 2]?.port ?? 0, { user: `user-${n}` });
        await client.subscribe('a');
        await client.close();
      }),
    );
    const events = await backend.told(30);
    for (const told of Map.groupBy(events, ({ connection }) => connection?.id).values())
      expect(told.map(({ type }) => type)).toEqual(['connected', 'subscribed', 'disconnected']);
    expect(new Set(events.map(({ node }) => node))).toEqual(new Set(['one', 'two']));
  });

  test('what a node leaves that is gone, another one delivers; dead letters are those of all', async () => {
    newPrefix();
    const port = await freePort();
    const first = await startWebhookServer({ url: `http://127.0.0.1:${port}/` }, section, onRedis('one'));
    await connect(first.port);
    await first.stop();
    const backend = await new WebhookBackend().listen(port);
    onTestFinished(() => backend.close());
    backend.behaviour = (_call, response) => {
      response.writeHead(400).end();
    };
    const second = await startWebhookServer(backend, { ...section, tell_timeout_ms: 100 }, onRedis('two'));
    const shop = await Backend.on(second);
    const letters = async (): Promise<{ total: number }> =>
      (await shop.call<{ total: number }>('GET', '/apps/webhooks/dead-letters')).body;
    await eventually(async () => (await letters()).total === 2, 'both to be dead letters');
    backend.behaviour = () => ({});
    await shop.call('POST', '/apps/webhooks/dead-letters/replay', {});
    expect((await backend.told(2)).map(({ type, node }) => `${type} ${node}`)).toEqual([
      'connected one',
      'disconnected one',
    ]);
  });

  test('a queue in Redis without Redis stops the start, with the reason', async () => {
    await expect(startWebhookServer({ url: 'http://127.0.0.1:1/' }, section)).rejects.toThrow(/expected redis.url/);
  });
});
