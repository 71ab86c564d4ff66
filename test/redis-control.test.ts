/** Operators speak to one node and all of them do it; who starts later does it too. */
import { beforeAll, describe, expect, test } from 'vitest';
import { ANSWER_MS } from '../src/control/awaited-outcomes.ts';
import { reachableHost } from '../src/cli/reachable-host.ts';
import { Admin, ADMIN_TOKEN, type AdminAnswer } from './harness/admin.ts';
import { connect } from './harness/client.ts';
import { eventually, within } from './harness/deadline.ts';
import { ownTimer } from './harness/own-time.ts';
import { signalbox, startProcess, type Outcome, type ServerProcess } from './harness/process.ts';
import { handshake, refusalIn } from './harness/raw.ts';
import { startRedis, type RedisServer } from './harness/redis-server.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

let redis: RedisServer;
let lastPrefix = 0;
beforeAll(async () => {
  redis = await startRedis();
});

class Service {
  readonly settings: Readonly<Record<string, string>>;

  constructor() {
    lastPrefix += 1;
    this.settings = { 'redis.url': redis.url, 'redis.prefix': `control${lastPrefix}`, 'admin.token': ADMIN_TOKEN };
  }

  node(name: string): Promise<TestServer> {
    return startServer({ ...this.settings, 'server.node_name': name });
  }

  process(name: string): Promise<ServerProcess> {
    const sets = Object.entries({ ...this.settings, 'server.node_name': name }).map(
      ([key, value]) => `${key}=${value}`,
    );
    return startProcess(sets.flatMap((set) => ['--set', set]));
  }
}

function outcomes({ body }: AdminAnswer): Record<string, unknown>[] {
  return body['nodes'] as Record<string, unknown>[];
}

/** The key of the lease of a node. */
async function leaseOf({ settings }: Service, name: string): Promise<string> {
  const keys = await redis.redis.keys(`${settings['redis.prefix']}:node:*`);
  const texts = await Promise.all(keys.map((key) => redis.redis.get(key)));
  return keys[texts.findIndex((text) => text?.includes(`"node":"${name}"`) === true)] ?? '';
}

function ratesOf({ running }: TestServer): number[] {
  const { limits, users, nodeBucket } = running.node.parts.context;
  return [limits.connectionRate, users.rate, nodeBucket.rate].map(({ perSecond }) => perSecond);
}

const modeOf = ({ running }: TestServer): string => running.node.parts.mode.mode;

describe('a view', () => {
  test('is of any node that is named, and of the one that is asked without a name', async () => {
    const service = new Service();
    const [a, b] = [await service.node('a'), await service.node('b')];
    const alice = await connect(b.port);
    await alice.subscribe('chat.lobby');
    const admin = new Admin(a.port);
    expect((await admin.get('/admin/connections')).body).toMatchObject({ node: 'a', total: 0 });
    expect((await admin.get('/admin/connections?node=a')).body).toMatchObject({ node: 'a', total: 0 });
    expect((await admin.get('/admin/connections?node=b')).body).toMatchObject({
      node: 'b',
      total: 1,
      connections: [{ user: 'alice' }],
    });
    expect((await admin.get('/admin/topics?node=b&prefix=chat.')).body).toMatchObject({
      node: 'b',
      topics: [{ topic: 'chat.lobby', subscribers: 1 }],
    });
    expect((await admin.get('/admin/topics?node=b&prefix=other')).body).toMatchObject({ node: 'b', total: 0 });
    expect((await admin.get('/admin/dead-letters?node=b')).body).toMatchObject({ node: 'b' });
    const refused = await admin.get('/admin/connections?node=b&sort=height');
    expect([refused.status, refused.body]).toMatchObject([400, { error: { reason: 'invalid_field' } }]);
    const unknown = await admin.get('/admin/topics?node=zz');
    expect([unknown.status, unknown.body]).toMatchObject([
      404,
      { error: { reason: 'not_found', message: expect.stringContaining('one of a, b, got "zz"') } },
    ]);
    // Nobody gets to see it without the token.
    expect((await admin.call('GET', '/admin/topics?node=b', undefined, 'wrong')).status).toBe(401);
  });

  test('of one connection finds it wherever it is', async () => {
    const service = new Service();
    const [a, b] = [await service.node('web'), await service.node('web-2')];
    const alice = await connect(b.port);
    const path = `/admin/connections/${alice.connected.connection_id}`;
    for (const port of [a.port, b.port])
      expect((await new Admin(port).get(path)).body).toMatchObject({ user: 'alice' });
    expect((await new Admin(a.port).get(`${path}?node=web`)).status).toBe(404);
    expect((await new Admin(a.port).get('/admin/connections/web-2-nobody')).status).toBe(404);
  });

  test('on the command line is of --node', async () => {
    const service = new Service();
    const [a, b] = [await service.node('a'), await service.node('b')];
    const alice = await connect(b.port);
    await alice.subscribe('chat.lobby');
    const id = alice.connected.connection_id;
    const run = (...args: string[]): Promise<Outcome> => signalbox([...args, '--url', a.url], { ADMIN_TOKEN });
    expect((await run('topics')).out).toContain('0 of 0 topics of a');
    const topics = await run('topics', '--node', 'b');
    expect([topics.code, topics.out]).toEqual([0, expect.stringMatching(/chat\.lobby.*\n1 of 1 topics of b/)]);
    expect((await run('connections', '--node', 'b', '--user', 'alice')).out).toContain('1 of 1 connections of b');
    expect((await run('connections', 'show', id)).out).toContain('chat.lobby');
    expect((await run('trace', 'list', '--node', 'b')).out).toContain('no topic is traced');
    const unknown = await run('topics', '--node', 'zz');
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('one of a, b')]);
  });

  test('of a node that stands still is refused with its name, in time', async () => {
    const service = new Service();
    const a = await service.node('a');
    const b = await service.process('b');
    b.signal('SIGSTOP');
    const answer = await new Admin(a.port).get('/admin/topics?node=b');
    expect([answer.status, answer.body]).toMatchObject([
      500,
      { error: { reason: 'internal', message: expect.stringContaining('expected b to answer') } },
    ]);
    b.signal('SIGCONT');
    await eventually(async () => (await new Admin(a.port).get('/admin/topics?node=b')).status === 200, 'b to answer');
  });
});

describe('a command', () => {
  test('reaches every node, and the answer lists each with its own acknowledgement', async () => {
    const service = new Service();
    const [a, b, c] = [await service.node('a'), await service.node('b'), await service.node('c')];
    const alice = await connect(b.port);
    const answer = await new Admin(a.port).post('/admin/emergency-mode', { mode: 'read_only', ttl_secs: 600 });
    expect(
      outcomes(answer)
        .map(({ node, applied, connections }) => [node, applied, connections])
        .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    ).toEqual([
      ['a', true, 0],
      ['b', true, 1],
      ['c', true, 0],
    ]);
    expect([modeOf(a), modeOf(b), modeOf(c)]).toEqual(['read_only', 'read_only', 'read_only']);
    expect((await alice.next('SystemNotification')).data).toMatchObject({ code: 'read_only' });
    await new Admin(c.port).post('/admin/emergency-mode', { mode: 'normal' });
    expect([modeOf(a), modeOf(b), modeOf(c)]).toEqual(['running', 'running', 'running']);
  });

  test('with node is for that node; a dry run is answered by all and changes none', async () => {
    const service = new Service();
    const [a, b] = [await service.node('a'), await service.node('b')];
    const admin = new Admin(a.port);
    const one = await admin.post('/admin/emergency-mode', { mode: 'read_only', node: 'b' });
    expect(outcomes(one)).toMatchObject([{ node: 'b', applied: true }]);
    expect([modeOf(a), modeOf(b)]).toEqual(['running', 'read_only']);
    const dry = await admin.post('/admin/connections/disable-new', { dry_run: true });
    expect(outcomes(dry).map(({ applied }) => applied)).toEqual([false, false]);
    expect(b.running.node.parts.mode.isAdmitting).toBe(true);
    expect((await admin.post('/admin/emergency-mode', { mode: 'normal', node: 'zz' })).status).toBe(404);
  });

  test('about a connection finds it on whichever node it is', async () => {
    const service = new Service();
    const [a, b] = [await service.node('a'), await service.node('b')];
    const alice = await connect(b.port);
    const { status } = await new Admin(a.port).call('DELETE', `/admin/connections/${alice.connected.connection_id}`);
    expect(status).toBe(200);
    expect((await within(alice.closed, 'the close')).code).toBe(4009);
  });

  test('revokes on all nodes within a second', async () => {
    const service = new Service();
    const [a, b] = [await service.node('a'), await service.node('b')];
    const token = await tokenOf('alice', { claims: { jti: 't-1' } });
    const clients = [await connect(a.port, { token }), await connect(b.port, { token })];
    const elapsed = ownTimer(redis.pid);
    await new Admin(a.port).post('/admin/tokens/revoke', { jti: 't-1' });
    for (const client of clients) expect((await within(client.closed, 'the close')).code).toBe(4301);
    expect(elapsed()).toBeLessThan(1_000);
  });
});

test('a node that starts later adopts what lasts, with what is left of its time', async () => {
  const service = new Service();
  const a = await service.node('a');
  const admin = new Admin(a.port);
  const token = await tokenOf('alice', { claims: { jti: 't-1' } });
  await admin.post('/admin/emergency-mode', { mode: 'read_only', ttl_secs: 3 });
  await admin.put('/admin/config/rate-limits', { connection_rps: 7 });
  await admin.post('/admin/tokens/revoke', { jti: 't-1' });
  const late = await service.node('late');
  expect(modeOf(late)).toBe('read_only');
  expect(late.running.node.parts.context.limits.connectionRate.perSecond).toBe(7);
  const refused = await handshake(late.port, { Authorization: `Bearer ${token}` });
  expect(refusalIn(refused)).toMatchObject({ reason: 'token_revoked' });
  await eventually(() => modeOf(late) === 'running' && modeOf(a) === 'running', 'both to revert');
});

test('what stays and what is for a while are both adopted: in the end there is what stays', async () => {
  const service = new Service();
  const a = await service.node('a');
  const [, , configured] = ratesOf(a);
  const admin = new Admin(a.port);
  await admin.put('/admin/config/rate-limits', { connection_rps: 7 });
  await admin.put('/admin/config/rate-limits', { user_rps: 11 });
  await admin.put('/admin/config/rate-limits', { connection_rps: 3, global_rps: 99, ttl_secs: 3 });
  await admin.post('/admin/emergency-mode', { mode: 'read_only' });
  await admin.post('/admin/emergency-mode', { mode: 'normal', ttl_secs: 3 });
  await admin.put('/admin/config/rate-limits', { user_rps: 13, ttl_secs: 3 });
  // This takes the place of the temporary one.
  await admin.put('/admin/config/rate-limits', { user_rps: 12 });
  const during = await service.node('during');
  const all = [a, during];
  for (const node of all) expect([modeOf(node), ...ratesOf(node)]).toEqual(['running', 3, 12, 99]);
  await eventually(() => all.every((node) => modeOf(node) === 'read_only'), 'the mode to revert');
  for (const node of all) {
    await eventually(() => ratesOf(node)[0] === 7, 'the rates to revert');
    expect(ratesOf(node)).toEqual([7, 12, configured]);
  }
  const after = await service.node('after');
  expect([modeOf(after), ...ratesOf(after)]).toEqual(['read_only', 7, 12, configured]);
});

describe('nodes', () => {
  test('are listed with what they say of themselves, and leave the list when they end', async () => {
    const service = new Service();
    const [a, b] = [await service.node('web-0'), await service.node('web-1')];
    await connect(b.port);
    const admin = new Admin(a.port);
    await eventually(async () => {
      const { body } = await admin.get('/admin/nodes');
      const nodes = body['nodes'] as { node: string; ordinal: number; connections: number }[];
      return (
        nodes.map(({ node, ordinal, connections }) => `${node} ${ordinal} ${connections}`).join() ===
        'web-0 0 0,web-1 1 1'
      );
    }, 'both nodes');
    // Where others reach them, also where they listen everywhere.
    const everywhere = await startServer({
      ...service.settings,
      'server.node_name': 'web-2',
      'server.host': '0.0.0.0',
    });
    const addresses = async (): Promise<string[]> =>
      ((await admin.get('/admin/nodes')).body['nodes'] as { address: string }[]).map(({ address }) => address);
    await eventually(async () => (await addresses()).every((address) => !address.endsWith(':0')), 'every port');
    expect(await addresses()).toEqual([
      `127.0.0.1:${a.port}`,
      `127.0.0.1:${b.port}`,
      `${reachableHost('0.0.0.0')}:${everywhere.port}`,
    ]);
    await everywhere.stop();
    await b.stop();
    expect((await admin.get('/admin/nodes')).body).toMatchObject({ total: 1 });
  });

  test('that were killed leave the list when their lease ends', async () => {
    const service = new Service();
    const a = await service.node('a');
    const b = await service.process('b');
    const admin = new Admin(a.port);
    const names = async (): Promise<unknown[]> =>
      ((await admin.get('/admin/nodes')).body['nodes'] as { node: string }[]).map(({ node }) => node);
    await eventually(async () => (await names()).length === 2, 'both nodes');
    b.signal('SIGKILL');
    await within(b.exited, 'the node to end');
    expect(await names()).toEqual(['a', 'b']);
    const lease = await leaseOf(service, 'b');
    const left = await redis.redis.pttl(lease);
    expect([left > 0, left <= 15_000]).toEqual([true, true]);
    // Nobody renews it: its time is over sooner, so that the test is.
    await redis.redis.pexpire(lease, 1);
    await eventually(async () => (await names()).join() === 'a', 'the node to be gone');
  });

  test('that were killed are named, and not waited for: nobody listens there', async () => {
    const service = new Service();
    const [a] = [await service.node('a'), await service.node('b')];
    const killed = await service.process('killed');
    const admin = new Admin(a.port);
    await eventually(async () => outcomes(await admin.get('/admin/nodes')).length === 3, 'three nodes');
    killed.signal('SIGKILL');
    await within(killed.exited, 'the node to end');
    const took: number[] = [];
    for (const mode of ['read_only', 'normal', 'read_only']) {
      const began = performance.now();
      const answer = await admin.post('/admin/emergency-mode', { mode });
      took.push(performance.now() - began);
      expect(outcomes(answer)).toEqual([
        expect.objectContaining({ node: 'a', applied: true }),
        expect.objectContaining({ node: 'b', applied: true }),
        expect.objectContaining({
          node: 'killed',
          problem: expect.stringContaining('has lost Redis or ended') as string,
        }),
      ]);
    }
    expect(Math.min(...took)).toBeLessThan(ANSWER_MS);
  });

  test('that were killed are not waited for by a view of all nodes, or of them', async () => {
    const service = new Service();
    const a = await service.node('a');
    const killed = await service.process('killed');
    const admin = new Admin(a.port);
    await eventually(async () => outcomes(await admin.get('/admin/nodes')).length === 2, 'two nodes');
    killed.signal('SIGKILL');
    await within(killed.exited, 'the node to end');
    const took: number[] = [];
    for (let at = 0; at < 3; at += 1) {
      const began = performance.now();
      const all = await admin.get('/admin/topics?node=*');
      const one = await admin.get('/admin/topics?node=killed');
      took.push(performance.now() - began);
      expect(JSON.stringify(all.body)).toContain('hears nothing');
      expect([one.status, JSON.stringify(one.body)]).toEqual([500, expect.stringContaining('hears nothing')]);
    }
    expect(Math.min(...took)).toBeLessThan(ANSWER_MS);
  });

  test('that do not answer are named', async () => {
    const service = new Service();
    const a = await service.node('a');
    const frozen = await service.process('frozen');
    frozen.child.kill('SIGSTOP');
    const answer = await new Admin(a.port).post('/admin/emergency-mode', { mode: 'read_only' });
    frozen.child.kill('SIGCONT');
    expect(outcomes(answer)).toMatchObject([
      { node: 'a', applied: true },
      { node: 'frozen', applied: false, problem: expect.stringContaining('did not answer within 2000 ms') },
    ]);
    // It makes up for what it missed.
    await eventually(async () => {
      const response = await fetch(`http://127.0.0.1:${frozen.port}/health`);
      return ((await response.json()) as { mode: string }).mode === 'read_only';
    }, 'the frozen node to adopt the mode');
    await frozen.end();
  });

  test('carry out commands of their own while Redis is away, say that others were not told, and agree again', async () => {
    const own = await startRedis();
    const settings = { 'redis.url': own.url, 'admin.token': ADMIN_TOKEN };
    const [a, b] = [
      await startServer({ ...settings, 'server.node_name': 'a' }),
      await startServer({ ...settings, 'server.node_name': 'b' }),
    ];
    await own.kill();
    await eventually(() => a.running.storage.trouble() === 'away', 'the link to be down');
    const answer = await new Admin(a.port).post('/admin/connections/disable-new');
    expect(outcomes(answer)).toMatchObject([
      { node: 'a', applied: true },
      { node: 'other nodes', applied: false, problem: expect.stringContaining('Redis is away') },
    ]);
    expect(b.running.node.parts.mode.isAdmitting).toBe(true);
    await own.start();
    await eventually(() => !b.running.node.parts.mode.isAdmitting, 'the other node to adopt it');
  });
});
