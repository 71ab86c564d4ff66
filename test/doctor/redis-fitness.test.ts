/** Redis as it was set up: what holds only until memory runs short or a machine fails, and who else is on it. */
import { describe, expect, test } from 'vitest';
import { redisCluster, redisNeighbours, redisSlowLog } from '../../src/doctor/checks/redis/deep.ts';
import { redisEviction, redisMemory, redisPersistence, redisVersion } from '../../src/doctor/checks/redis/fitness.ts';
import { redisStreams } from '../../src/doctor/checks/redis/streams.ts';
import type { Check } from '../../src/doctor/check.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { findingsOf } from '../harness/patient.ts';
import { startCluster, startRedis, startReplica, type RedisServer } from '../harness/redis-server.ts';
import { startServer } from '../harness/server.ts';
import { named } from '../harness/symptoms.ts';

async function of(check: Check, redis: RedisServer, more: Readonly<Record<string, string>> = {}): Promise<Finding> {
  const [finding] = await findingsOf(check, { settings: { 'redis.url': redis.url, ...more } });
  if (finding === undefined) throw new Error(`expected ${check.name} to say something`);
  return finding;
}

const saying = (level: string, says: RegExp): object => ({ level, says: expect.stringMatching(says) as string });

describe('from this machine', () => {
  test('a Redis without anything, and each of its faults mended', async () => {
    const redis = await startRedis();
    expect(await of(redisVersion, redis)).toMatchObject({ level: 'ok' });
    expect(await of(redisEviction, redis)).toMatchObject({ level: 'ok' });
    expect(await of(redisMemory, redis)).toMatchObject(saying('warn', /no maxmemory/));
    await named('sessions-lost', { settings: { 'redis.url': redis.url } });
    await redis.redis.config('SET', 'maxmemory', '1gb');
    expect(await of(redisMemory, redis)).toMatchObject(saying('ok', /of 1024 MiB used/));
    await redis.redis.config('SET', 'appendonly', 'yes');
    expect(await of(redisPersistence, redis)).toMatchObject({ level: 'ok' });
  });

  test('L-27: another policy, memory that runs short, replicas that are missing', async () => {
    const redis = await startRedis(['--maxmemory', '1gb']);
    await redis.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const evicting = await named('keys-vanish', { settings: { 'redis.url': redis.url }, isHere: true });
    expect(evicting.cure).toMatch(/^redis-cli CONFIG SET maxmemory-policy noeviction/);
    await redis.redis.config('SET', 'maxmemory', '1');
    await named('redis-full', { settings: { 'redis.url': redis.url } });
    expect(await of(redisPersistence, redis, { 'redis.wait_replicas': '1' })).toMatchObject(
      saying('fail', /wants 1 replicas, Redis has 0/),
    );
    await redis.redis.config('SET', 'maxmemory', '0');
    await startReplica(redis);
    expect(await of(redisPersistence, redis, { 'redis.wait_replicas': '1' })).toMatchObject(
      saying('ok', /^1 replicas/),
    );
  });

  test('slow commands, without what they were about', async () => {
    const redis = await startRedis();
    expect(await of(redisSlowLog, redis)).toMatchObject({ level: 'ok' });
    await redis.redis.config('SET', 'slowlog-log-slower-than', '1000');
    await redis.redis.eval(
      "for i = 1, 4e6 do redis.sha1hex('a secret text') if i % 1e5 == 0 and redis.call('TIME')[1] > ARGV[1] then break end end",
      0,
      String(Math.floor(Date.now() / 1_000)),
    );
    const finding = await of(redisSlowLog, redis);
    expect(finding).toMatchObject(saying('warn', /the longest EVAL with \d+/));
    expect(JSON.stringify(finding)).not.toContain('a secret text');
  });

  test('a cluster that is whole, and one that has lost a server', { timeout: 60_000 }, async () => {
    const servers = await startCluster();
    const url = `redis+cluster://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
    const look = (check: Check): Promise<readonly Finding[]> => findingsOf(check, { settings: { 'redis.url': url } });
    expect(await look(redisCluster)).toMatchObject([saying('ok', /whole/)]);
    await servers[2]?.kill();
    await eventually(
      async () => (await servers[0]?.redis.cluster('INFO'))?.includes('cluster_state:fail') === true,
      'the cluster to notice',
    );
    expect(await look(redisCluster)).toMatchObject([saying('fail', /^the cluster is fail, 1\d{4} of 16384 slots/)]);
  });
});

test('a log that is longer than the configuration keeps', async () => {
  const redis = await startRedis();
  const shared = { 'admin.token': ADMIN_TOKEN, 'redis.url': redis.url, 'rate_limiting.enabled': 'false' };
  const before = await startServer({ ...shared, 'server.node_name': 'before' });
  const alice = await connect(before.port, { user: 'alice' });
  for (let count = 0; count < 150; count += 1) await alice.publish('chat.lobby', count);
  const asked = { url: before.url, settings: {} };
  expect(await findingsOf(redisStreams, asked)).toMatchObject([
    saying('ok', /^of 1 logs that were looked at the longest holds 150 of 1000 messages \(\d+ bytes\)/),
  ]);
  await alice.close();
  await before.stop();
  const short = { 'topics.history': '10', 'actor_system.mailbox_capacity': '10' };
  const after = await startServer({ ...shared, 'server.node_name': 'after', ...short });
  const long = saying('warn', /^the log of chat\.lobby holds 150 messages \(\d+ bytes\), .* keeps 10/);
  expect(await findingsOf(redisStreams, { url: after.url })).toMatchObject([long]);
  // From this machine too, when no node is asked.
  const here = { settings: { 'redis.url': redis.url, ...short } };
  expect(await findingsOf(redisStreams, here)).toMatchObject([long]);
});

test('nodes under another prefix, and in another database, are named', async () => {
  const redis = await startRedis();
  const shared = { 'admin.token': ADMIN_TOKEN };
  const a = await startServer({ ...shared, 'redis.url': redis.url, 'server.node_name': 'a' });
  const asked = { url: a.url, settings: { 'redis.url': redis.url } };
  expect(await findingsOf(redisNeighbours, asked)).toMatchObject([saying('ok', /no other service/)]);
  await startServer({ ...shared, 'redis.url': redis.url, 'redis.prefix': 'other', 'server.node_name': 'b' });
  await startServer({ ...shared, 'redis.url': `${redis.url}/3`, 'server.node_name': 'c' });
  await eventually(async () => (await findingsOf(redisNeighbours, asked)).length === 2, 'both to be seen');
  expect(await findingsOf(redisNeighbours, asked)).toEqual(
    expect.arrayContaining([
      expect.objectContaining(saying('warn', /^1 nodes are on this Redis under prefix other, database 0/)),
      expect.objectContaining(saying('warn', /^1 nodes are on this Redis under prefix signalbox, database 3/)),
    ]),
  );
  await named('two-halves', { node: a.url, settings: { 'redis.url': redis.url }, isHere: true });
});
