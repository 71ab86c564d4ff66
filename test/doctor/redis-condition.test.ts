/** Redis as it breaks: `/health` names the condition and its cause, and doctor says the same with a cure. */
import { describe, expect, test } from 'vitest';
import { redisCondition } from '../../src/doctor/checks/redis/condition.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { eventually } from '../harness/deadline.ts';
import { findingsOf } from '../harness/patient.ts';
import { signalbox, startProcess } from '../harness/process.ts';
import { startRedis, type RedisServer } from '../harness/redis-server.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { SlowWay } from '../harness/slow-way.ts';
import { named } from '../harness/symptoms.ts';

/** Time-outs as short as a busy machine allows. */
const SETTINGS = {
  'admin.token': ADMIN_TOKEN,
  'redis.command_timeout_ms': '1000',
  'redis.connect_timeout_ms': '1000',
  'redis.retry_max_ms': '100',
  'redis.breaker_open_ms': '200',
};
/** A silent connection is given up after three looks, a second apart. */
const SLOW_TEST = { timeout: 60_000 };

async function nodeOn(url: string): Promise<TestServer> {
  const node = await startServer({ ...SETTINGS, 'redis.url': url });
  await eventually(async () => (await node.get('/health/ready')).status === 200, 'the node to be ready');
  return node;
}

async function health(node: TestServer): Promise<Readonly<Record<string, unknown>>> {
  return (await (await node.get('/health')).json()) as Record<string, unknown>;
}

async function expectProblem(node: TestServer, state: string, problem: RegExp): Promise<void> {
  await eventually(
    async () => {
      const body = await health(node);
      return body['broker_state'] === state && problem.test(String(body['broker_problem']));
    },
    `broker_state ${state} and ${String(problem)}`,
  );
  expect(await health(node)).toMatchObject({ status: 'degraded' });
  // A node without Redis serves on, so a probe of /health does not end it.
  expect((await node.get('/health')).status).toBe(200);
}

function byNode(node: TestServer): Promise<readonly Finding[]> {
  return findingsOf(redisCondition, { url: node.url, settings: { 'redis.url': 'redis://127.0.0.1:9' } });
}

function fromHere(url: string): Promise<readonly Finding[]> {
  return findingsOf(redisCondition, { settings: { 'redis.url': url } });
}

describe('while nodes run', () => {
  test('killed: nobody listens; the list of nodes says that it is not all', async () => {
    const redis = await startRedis();
    const node = await nodeOn(redis.url);
    expect(await health(node)).toMatchObject({ status: 'healthy' });
    await redis.kill();
    await expectProblem(node, 'away', /^refused: Redis refuses connections/);
    expect(await byNode(node)).toMatchObject([
      { level: 'fail', says: expect.stringMatching(/refuses conn/) as string },
    ]);
    const { body } = await new Admin(node.port).get('/admin/nodes');
    expect(body).toMatchObject({ total: 1, problem: expect.stringMatching(/other nodes are not seen/) as string });
    const said = await signalbox(['nodes', '--url', node.url, '--token', ADMIN_TOKEN]);
    expect(said).toMatchObject({
      code: 1,
      out: expect.stringMatching(/test-node[^]*not all: Redis is away/) as string,
    });
  });

  test('stopped: it takes connections and does not answer', SLOW_TEST, async () => {
    const redis = await startRedis();
    const node = await nodeOn(redis.url);
    redis.pause();
    await expectProblem(node, 'away', /^silent: Redis does not answer/);
    redis.resume();
    await eventually(async () => (await health(node))['status'] === 'healthy', 'it to be healthy again');
  });

  test('its password was changed, and connections of before live on: told before they break', async () => {
    const redis = await startRedis();
    const node = await nodeOn(redis.url);
    await redis.redis.config('SET', 'requirepass', 'another');
    expect(await health(node)).toMatchObject({ status: 'healthy' });
    expect(await findingsOf(redisCondition, { url: node.url, settings: { 'redis.url': redis.url } })).toMatchObject([
      { level: 'ok' },
      { level: 'warn', says: expect.stringMatching(/^Redis refuses user or password of redis\.url/) as string },
    ]);
  });

  test('its password is another', SLOW_TEST, async () => {
    const redis = await startRedis();
    const node = await nodeOn(redis.url);
    await redis.redis.config('SET', 'requirepass', 'a new secret');
    await redis.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await redis.redis.call('CLIENT', 'KILL', 'TYPE', 'normal');
    await expectProblem(node, 'unfit', /^password: /);
    expect(await byNode(node)).toMatchObject([{ level: 'fail', cure: expect.stringMatching(/redis\.url/) as string }]);
  });

  test('full, another policy, emptied', SLOW_TEST, async () => {
    const redis = await startRedis();
    const node = await nodeOn(redis.url);
    await redis.redis.config('SET', 'maxmemory', '1');
    await expectProblem(node, 'full', /^full: /);
    await redis.redis.config('SET', 'maxmemory', '0');
    await redis.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await expectProblem(node, 'unfit', /^policy: .*allkeys-lru/);
    expect(await byNode(node)).toMatchObject([{ cure: expect.stringMatching(/^redis-cli CONFIG SET max/) as string }]);
    await redis.redis.config('SET', 'maxmemory-policy', 'noeviction');
    await redis.redis.flushall();
    await expectProblem(node, 'emptied', /^emptied: .*all keys were deleted/);
    expect(await node.metric('signalbox_redis_emptied_total')).toBe(1);
    // Nothing is lost from now on: the node takes clients.
    expect((await node.get('/health/ready')).status).toBe(200);
  });

  test('started anew without its data', SLOW_TEST, async () => {
    const redis = await startRedis();
    const node = await nodeOn(redis.url);
    await redis.kill();
    await redis.start();
    await expectProblem(node, 'emptied', /^emptied: .*started anew without its data/);
  });

  test('slow: a warning of doctor, a metric, and the node stays ready', SLOW_TEST, async () => {
    const redis = await startRedis();
    const way = await new SlowWay(redis.port).start();
    const node = await nodeOn(`redis://127.0.0.1:${way.port}`);
    way.delayMs = 700;
    await expectProblem(node, 'slow', /^slow: Redis is slow: no answer came in less than [4-9]\d\d ms/);
    expect((await node.get('/health/ready')).status).toBe(200);
    const samples = (await node.samples('signalbox_redis_trouble')) as unknown as { trouble: string; value: number }[];
    expect(samples).toContainEqual({ trouble: 'slow', value: 1 });
    await named('redis-slow', { node: node.url });
    way.delayMs = 0;
    await eventually(async () => (await health(node))['status'] === 'healthy', 'it to be healthy again');
  });

  test('slow and emptied are lines of the log', SLOW_TEST, async () => {
    const redis = await startRedis();
    const way = await new SlowWay(redis.port).start();
    const node = await startProcess(['--set', `redis.url=redis://127.0.0.1:${way.port}`]);
    way.delayMs = 400;
    await node.printed(/"level":"WARN".*Redis is slow/);
    way.delayMs = 0;
    await node.printed(/Redis is fast again/);
    await redis.redis.flushall();
    await node.printed(/"level":"ERROR".*Redis was emptied/);
    await node.end();
  });
});

describe('before a start, from this machine', () => {
  const fault = async (redis: RedisServer, url = redis.url): Promise<Finding | undefined> => (await fromHere(url))[0];

  test('answering, killed, and with another password', async () => {
    const redis = await startRedis();
    await redis.redis.config('SET', 'requirepass', 'the right one');
    const withPassword = (password: string): string =>
      `redis://:${encodeURIComponent(password)}@127.0.0.1:${redis.port}`;
    expect(await fault(redis, withPassword('the right one'))).toMatchObject({ level: 'ok' });
    const wrong = await named('redis-password', { environment: { REDIS_URL: withPassword('the wrong one') } });
    expect(JSON.stringify(wrong)).not.toContain('the wrong one');
    await redis.kill();
    await named('redis-refused', { environment: { REDIS_URL: redis.url } });
  });

  test('stopped', async () => {
    const redis = await startRedis();
    redis.pause();
    await named('redis-silent', { environment: { REDIS_URL: redis.url } });
    redis.resume();
  });
});
