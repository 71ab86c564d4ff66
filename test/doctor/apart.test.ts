/** Nodes and Redis that are apart: in their clocks, in their rights, in how many clients they have, in their versions. */
import { expect, test } from 'vitest';
import { nodesBalance } from '../../src/doctor/checks/nodes/balance.ts';
import { nodesSkew } from '../../src/doctor/checks/nodes/skew.ts';
import { nodesVersions } from '../../src/doctor/checks/nodes/versions.ts';
import { redisCondition } from '../../src/doctor/checks/redis/condition.ts';
import { examine } from '../../src/doctor/examine.ts';
import type { View } from '../../src/doctor/patient.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { findingsOf, patient } from '../harness/patient.ts';
import { signalbox, startProcess } from '../harness/process.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startServer } from '../harness/server.ts';
import { SECRET } from '../harness/tokens.ts';

const saying = (level: string, says: RegExp): object => ({ level, says: expect.stringMatching(says) as string });

/** For a process whose machine has another time, in ms. */
const shifted = (ms: number): Record<string, string> => ({
  NODE_OPTIONS: `--import data:text/javascript,const%20now=Date.now;Date.now=()=>now()+${ms};`,
});

test('the clock of one node is ahead, and the clock of the machine of doctor is behind', async () => {
  const redis = await startRedis();
  const shared = { 'redis.url': redis.url, 'admin.token': ADMIN_TOKEN };
  const a = await startServer({ ...shared, 'server.node_name': 'a' });
  const environment = { REDIS_URL: redis.url, ADMIN_TOKEN, ...shifted(400_000) };
  const b = await startProcess(['--set', 'server.node_name=b'], environment);
  await eventually(async () => {
    const [finding] = await findingsOf(nodesSkew, { url: a.url });
    return /^the clock of b is (?:399|400)\.\d s ahead of Redis: tokens expire/.test(finding?.says ?? '');
  }, 'the clock of b to be named');
  const [{ level, cure } = {}] = await findingsOf(nodesSkew, { url: a.url });
  expect([level, cure]).toEqual(['fail', expect.stringContaining('timedatectl') as string]);
  const here = { JWT_SECRET: SECRET, REDIS_URL: redis.url, ...shifted(-7_000) };
  const { out } = await signalbox(['doctor', '--only', 'redis.clock'], here);
  expect(out).toMatch(/^warn {2}redis\.clock +the clock of Redis is (?:6\.9|7\.\d) s ahead of that of/m);
  await b.end();
});

test('a user of Redis that may run no scripts', async () => {
  const redis = await startRedis();
  await redis.redis.acl('SETUSER', 'app', 'on', '>secret', 'allkeys', 'allchannels', '+@all', '-evalsha');
  const url = redis.url.replace('//', '//app:secret@');
  expect(await findingsOf(redisCondition, { settings: { 'redis.url': url } })).toMatchObject([
    {
      ...saying('fail', /more rights, missing are .*\+evalsha/),
      cure: expect.stringContaining('ACL SETUSER') as string,
    },
  ]);
});

test('all clients are on one node of two', async () => {
  const redis = await startRedis();
  const shared = { 'redis.url': redis.url, 'admin.token': ADMIN_TOKEN };
  const a = await startServer({ ...shared, 'server.node_name': 'a' });
  await startServer({ ...shared, 'server.node_name': 'b' });
  await Promise.all(Array.from({ length: 101 }, (_, at) => connect(a.port, { user: `user-${at}` })));
  await eventually(
    async () => (await findingsOf(nodesBalance, { url: a.url }))[0]?.says === 'a has 101 of 101 connections of 2 nodes',
    'the node with all of them to be named',
  );
  expect(await findingsOf(nodesBalance, { url: a.url })).toMatchObject([
    { level: 'warn', cure: expect.stringContaining('least_conn') as string },
  ]);
});

test('two versions at the same time', async () => {
  // As the nodes would say it: test/two-versions.test.ts has a node of the last release.
  const nodeOf = (node: string, signalboxVersion: string): object => ({
    node,
    problem: null,
    versions: { signalbox: signalboxVersion, node: process.version },
  });
  const body = { nodes: [nodeOf('a', '0.9.0'), nodeOf('b', '0.8.0')] };
  const views = { address: 'a', get: (): Promise<View> => Promise.resolve({ status: 200, body }) };
  const { findings } = await examine([nodesVersions], { ...(await patient({})), views }, systemScheduler);
  expect(findings).toMatchObject([
    {
      ...saying('warn', /^signalbox differs: 0\.9\.0 on a; 0\.8\.0 on b/),
      cure: expect.stringContaining('update') as string,
    },
  ]);
});
