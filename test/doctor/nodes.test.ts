/** Two nodes that do not do the same, half of a cluster, and what is none at all. */
import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { nodesBalance } from '../../src/doctor/checks/nodes/balance.ts';
import { nodesConfigurations } from '../../src/doctor/checks/nodes/configurations.ts';
import { nodesModes } from '../../src/doctor/checks/nodes/modes.ts';
import { nodesOrders } from '../../src/doctor/checks/nodes/orders.ts';
import { nodesPresent } from '../../src/doctor/checks/nodes/present.ts';
import { nodesSkew } from '../../src/doctor/checks/nodes/skew.ts';
import { nodesVersions } from '../../src/doctor/checks/nodes/versions.ts';
import { CHECKS } from '../../src/doctor/checks/all.ts';
import { examine } from '../../src/doctor/examine.ts';
import { viewsByHttp } from '../../src/doctor/views-by-http.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { findingsOf, patient } from '../harness/patient.ts';
import { signalbox, startProcess } from '../harness/process.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startServer, unexpectedEnd, type TestServer } from '../harness/server.ts';
import { SECRET } from '../harness/tokens.ts';
import { verbHere } from '../harness/verb-here.ts';
import { named } from '../harness/symptoms.ts';

const saying = (level: string, says: RegExp): object => ({ level, says: expect.stringMatching(says) as string });

async function two(
  ofA: Readonly<Record<string, string>> = {},
  ofB: Readonly<Record<string, string>> = {},
  files: readonly [string?, string?] = [],
): Promise<readonly [TestServer, TestServer]> {
  const redis = await startRedis();
  const shared = { 'redis.url': redis.url, 'admin.token': ADMIN_TOKEN };
  const a = await startServer({ ...shared, 'server.node_name': 'a', ...ofA }, [], unexpectedEnd, files[0]);
  const b = await startServer({ ...shared, 'server.node_name': 'b', ...ofB }, [], unexpectedEnd, files[1]);
  return [a, b];
}

describe('two nodes', () => {
  test('that are alike', async () => {
    const [{ url }] = await two();
    expect(await findingsOf(nodesVersions, { url })).toMatchObject([saying('ok', /^2 nodes run signalbox/)]);
    expect(await findingsOf(nodesConfigurations, { url })).toMatchObject([saying('ok', /same configuration/)]);
    expect(await findingsOf(nodesPresent, { url })).toMatchObject([saying('ok', /^all 2 nodes answer/)]);
    expect(await findingsOf(nodesModes, { url })).toMatchObject([saying('ok', /^a, b: running/)]);
    expect(await findingsOf(nodesOrders, { url })).toMatchObject([saying('ok', /no orders/)]);
    expect(await findingsOf(nodesSkew, { url })).toMatchObject([saying('ok', /2 clocks agree/)]);
    expect(await findingsOf(nodesBalance, { url })).toMatchObject([saying('ok', /^0 connections on 2 nodes/)]);
  });

  test('with other rules, other secrets and another bound', async () => {
    const rules = (role: string): string => `[[topics.rules]]\npattern = "chat.*"\nsubscribe = ["${role}"]\n`;
    const [{ url }] = await two(
      { 'auth.jwt_previous_secret': 'a'.repeat(40) },
      { 'auth.jwt_previous_secret': 'b'.repeat(40), 'websocket.max_connections': '5' },
      [rules('user'), rules('admin')],
    );
    const findings = await findingsOf(nodesConfigurations, { url });
    expect(findings).toEqual(
      expect.arrayContaining([
        expect.objectContaining(saying('fail', /^topics\.rules differs: .*user.* on a; .*admin.* on b$/)),
        expect.objectContaining(
          saying('fail', /^auth\.jwt_previous_secret differs: a secret \(fingerprint \w{4}\) on a/),
        ),
        expect.objectContaining(saying('warn', /^websocket\.max_connections differs: 10000 on a; 5 on b/)),
      ]),
    );
    expect(findings).toHaveLength(3);
    await named('nodes-differ', { node: url, isHere: true });
    expect(JSON.stringify(findings)).not.toMatch(/a{40}|b{40}/);
  });

  test('with orders that stand: read-only, nobody new, a rate, a trace', async () => {
    const [a, b] = await two();
    const admin = new Admin(a.port);
    await admin.post('/admin/emergency-mode', { mode: 'read_only' });
    expect(await findingsOf(nodesModes, { url: b.url })).toMatchObject([
      { ...saying('warn', /^b: read-only/), cure: './signalbox emergency normal' },
      saying('warn', /^a: read-only/),
    ]);
    await admin.post('/admin/emergency-mode', { mode: 'normal' });
    await admin.post('/admin/connections/disable-new', { node: 'b' });
    // The answer of a node stands for a second.
    await eventually(async () => {
      const findings = await findingsOf(nodesModes, { url: a.url });
      return findings.length === 1 && findings[0]?.says === 'b: takes no new connections';
    }, 'the node that takes nobody to be named');
    await admin.put('/admin/config/rate-limits', { user_rps: 3 });
    await admin.post('/admin/trace', { topics: 'chat.**', enabled: true });
    expect(await findingsOf(nodesOrders, { url: a.url })).toEqual(
      expect.arrayContaining([
        expect.objectContaining(saying('warn', /^user_rps is 3 in place of \d+, until somebody takes it back/)),
        expect.objectContaining(saying('warn', /^chat\.\*\* is traced/)),
      ]),
    );
  });

  test('one of which is full, and one of which hangs', async () => {
    const [a, b] = await two({ 'websocket.max_connections': '1' });
    await connect(a.port, { user: 'alice' });
    await named('server-full', { node: a.url });
    // It lives by its lease, and answers nothing any more.
    b.running.storage.views?.start('nobody', () => ({ status: 503, body: null }));
    await b.running.storage.bus.members();
    const findings = await findingsOf(nodesPresent, { url: a.url });
    expect(findings).toMatchObject([saying('fail', /^not all nodes answer: b /)]);
  });
});

test('a node that is killed is missed, until it is back under its name; one that says goodbye is not', async () => {
  const redis = await startRedis();
  const shared = { 'redis.url': redis.url, 'admin.token': ADMIN_TOKEN };
  const a = await startServer({ ...shared, 'server.node_name': 'a' });
  const environment = { REDIS_URL: redis.url, ADMIN_TOKEN };
  const b = await startProcess(['--set', 'server.node_name=b'], environment);
  const c = await startServer({ ...shared, 'server.node_name': 'c' });
  await c.stop();
  b.signal('SIGKILL');
  // Its lease would go on for fifteen seconds.
  for (const key of await redis.redis.keys('*:node:{*}'))
    if ((await redis.redis.get(key))?.includes('"node":"b"') === true) await redis.redis.del(key);
  const { line } = await named('node-missing', { node: a.url, isHere: true });
  expect(line).toContain(': a');
  expect(await findingsOf(nodesPresent, { url: a.url })).toMatchObject([
    saying('warn', /^b is gone without having said goodbye, last seen \d+ s ago/),
  ]);
  const { out } = await signalbox(['nodes', '--url', a.url, '--token', ADMIN_TOKEN]);
  expect(out).toMatch(/^gone: b, without saying goodbye, last seen \d{4}-/m);
  await startServer({ ...shared, 'server.node_name': 'b' });
  expect(await findingsOf(nodesPresent, { url: a.url })).toMatchObject([saying('ok', /^all 2 nodes answer/)]);
});

test('one check alone, of a node that does not answer: the answer is not that all is well', async () => {
  const args = ['doctor', '--only', 'load.cpu', '--url', 'http://127.0.0.1:9'];
  const { code, out } = await verbHere(args, { ADMIN_TOKEN, JWT_SECRET: SECRET });
  expect([code, out]).toEqual([1, expect.stringMatching(/^fail {2}nodes\.reached {2}nobody answers/) as string]);
});

describe('what is no node', () => {
  test('a host that takes connections and says nothing', async () => {
    const server = createServer(() => {});
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const startedAt = performance.now();
    // Redis is there and says nothing either: it is asked at the same time, or no check would have time for both.
    const settings = { 'redis.url': `redis://127.0.0.1:${port}` };
    const given = await patient({ url: `http://127.0.0.1:${port}`, settings });
    const { findings } = await examine(CHECKS, given, systemScheduler);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(findings).toContainEqual(
      expect.objectContaining({ check: 'nodes.reached', ...saying('fail', /nobody answers.*no answer within 3.3 s/) }),
    );
    // The rest has nothing to say: one cause, one finding.
    const failed = findings.filter(({ level }) => level === 'fail').map(({ check }) => check);
    expect(failed).toEqual(['nodes.reached', 'redis.condition']);
  });

  test('a wrong token', async () => {
    const { url } = await startServer({ 'admin.token': ADMIN_TOKEN });
    const given = { ...(await patient({})), views: viewsByHttp(new URL(url), 'a wrong token') };
    const { findings } = await examine(CHECKS, given, systemScheduler);
    expect(findings.filter(({ level }) => level === 'fail')).toMatchObject([
      { check: 'nodes.reached', ...saying('fail', /refuses the admin token: 401 token_invalid/) },
    ]);
    await named('admin-refused', { node: url, environment: { ADMIN_TOKEN: 'a wrong token' } });
  });
});

test('looking changes nothing: not a key of Redis, not the state of a node', async () => {
  const redis = await startRedis();
  const settings = { 'redis.url': redis.url, 'admin.token': ADMIN_TOKEN, 'server.node_name': 'a' };
  const a = await startServer(settings);
  const client = await connect(a.port, { user: 'alice' });
  await client.subscribe('chat.lobby', 'room.*');
  await client.publish('chat.lobby', 'a text');
  const dump = async (): Promise<unknown> => {
    const keys = (await redis.redis.keys('*')).toSorted();
    // What a node says of itself every few seconds.
    const lasting = keys.filter((key) => !/:(?:node|nodes):/.test(key));
    return { keys, values: await Promise.all(lasting.map((key) => redis.redis.dump(key).then(String))) };
  };
  const state = async (): Promise<unknown> => {
    const admin = new Admin(a.port);
    const [status, { body }] = await Promise.all([admin.get('/admin/emergency-status'), admin.get('/admin/topics')]);
    return [JSON.stringify(status.body).replaceAll(/"now":"[^"]*"/g, ''), body, a.running.node.connections.length];
  };
  const before = [await dump(), await state()];
  const { findings } = await examine(CHECKS, await patient({ url: a.url, settings }), systemScheduler);
  expect(findings.length).toBeGreaterThan(20);
  expect([await dump(), await state()]).toEqual(before);
  expect(client.untaken('Gap')).toEqual([]);
});
