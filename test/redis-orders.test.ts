/** What lasts of operators' commands: the same on every node, whenever it starts and whatever became of Redis. */
import { describe, expect, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from './harness/admin.ts';
import { connect } from './harness/client.ts';
import { eventually, within } from './harness/deadline.ts';
import { startProcess } from './harness/process.ts';
import { handshake, refusalIn } from './harness/raw.ts';
import { startDurableRedis, startRedis, type RedisServer } from './harness/redis-server.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

const node = (redis: RedisServer, name: string, more: Readonly<Record<string, string>> = {}): Promise<TestServer> =>
  startServer({ 'redis.url': redis.url, 'admin.token': ADMIN_TOKEN, 'server.node_name': name, ...more });

async function reasonOf({ port }: { port: number }, token: string): Promise<unknown> {
  const answer = await handshake(port, { Authorization: `Bearer ${token}` });
  return answer.status === 101 ? 'accepted' : refusalIn(answer)?.['reason'];
}

const modeOf = ({ running }: TestServer): string => running.node.parts.mode.mode;
const seconds = (): number => Math.floor(Date.now() / 1_000);

/** What an earlier version kept of so many revocations. */
async function keepRevocations({ redis }: RedisServer, count: number): Promise<void> {
  const until = Date.now() + 1e9;
  const fields: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const command = { name: 'revoke', arguments: { jti: `t-${n}`, tenant: '', ttl_secs: 1e6 } };
    fields.push(`revoke jti t-${n}`, JSON.stringify({ id: `id${n}`, command, until }));
  }
  await redis.hset('signalbox:orders:{all}', ...fields);
  await redis.hincrby('signalbox:orders:{all}', 'version', count);
}

describe('a revocation of a user', () => {
  test('has one time on all nodes: those that start later accept what was issued since', async () => {
    const redis = await startRedis();
    const a = await node(redis, 'a');
    const old = await tokenOf('alice');
    await new Admin(a.port).post('/admin/tokens/revoke', { user: 'alice' });
    const iat = seconds() + 1;
    const fresh = await tokenOf('alice', { claims: { iat } });
    await eventually(() => Date.now() > (iat + 1) * 1_000, 'the next second');
    const late = await node(redis, 'late');
    for (const server of [a, late]) {
      expect(await reasonOf(server, old)).toBe('token_revoked');
      expect(await reasonOf(server, fresh)).toBe('accepted');
    }
  });

  test('is not taken back by a weaker one that comes later, on any node', async () => {
    const redis = await startRedis();
    const [a, b] = [await node(redis, 'a'), await node(redis, 'b')];
    const token = await tokenOf('alice');
    await new Admin(a.port).post('/admin/tokens/revoke', { user: 'alice' });
    await new Admin(b.port).post('/admin/tokens/revoke', {
      user: 'alice',
      issued_before: seconds() - 3_600,
      ttl_secs: 1,
    });
    await eventually(() => new Promise((resolve) => setTimeout(() => resolve(true), 1_100)), 'the weaker one to end');
    for (const server of [a, b, await node(redis, 'late')]) expect(await reasonOf(server, token)).toBe('token_revoked');
  });

  test('reaches a token whose iat is ahead within the leeway, and its connection', async () => {
    const redis = await startRedis();
    const [a, b] = [await node(redis, 'a'), await node(redis, 'b')];
    const token = await tokenOf('alice', { claims: { iat: seconds() + 30 } });
    const alice = await connect(b.port, { token });
    await new Admin(a.port).post('/admin/tokens/revoke', { user: 'alice' });
    expect((await within(alice.closed, 'the close')).code).toBe(4301);
    for (const server of [a, b]) expect(await reasonOf(server, token)).toBe('token_revoked');
  });
});

describe('a node that starts', () => {
  test('on a Redis that was emptied knows what the others know before it admits anybody', async () => {
    const redis = await startRedis();
    const a = await node(redis, 'a');
    const admin = new Admin(a.port);
    const token = await tokenOf('alice');
    await admin.post('/admin/tokens/revoke', { user: 'alice' });
    await admin.post('/admin/emergency-mode', { mode: 'read_only' });
    await redis.redis.flushall();
    const late = await node(redis, 'late');
    expect([await reasonOf(late, token), modeOf(late)]).toEqual(['token_revoked', 'read_only']);
    // The orders that were written back are there for those that come when the others are gone.
    await Promise.all([a.stop(), late.stop()]);
    const last = await node(redis, 'last');
    expect([await reasonOf(last, token), modeOf(last)]).toEqual(['token_revoked', 'read_only']);
  });

  test('on a Redis that is full knows what was decided', async () => {
    const redis = await startRedis();
    const a = await node(redis, 'a');
    const token = await tokenOf('alice');
    await new Admin(a.port).post('/admin/tokens/revoke', { user: 'alice' });
    await new Admin(a.port).post('/admin/emergency-mode', { mode: 'read_only' });
    await redis.redis.config('SET', 'maxmemory', '1');
    const late = await node(redis, 'late');
    expect([await reasonOf(late, token), modeOf(late)]).toEqual(['token_revoked', 'read_only']);
    // The others are told, and the answer says that it was not kept.
    const { body } = await new Admin(a.port).post('/admin/tokens/revoke', { jti: 't-1' });
    expect(body['nodes']).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ node: 'a', applied: true }),
        expect.objectContaining({ node: 'nodes that start later', applied: false }),
      ]),
    );
  });

  test('while Redis is away admits nobody until it has read them, unless it is told not to wait', async () => {
    const redis = await startDurableRedis();
    const a = await node(redis, 'a');
    const [revoked, good] = [await tokenOf('alice'), await tokenOf('bob')];
    await new Admin(a.port).post('/admin/tokens/revoke', { user: 'alice' });
    await a.stop();
    await redis.kill();
    const fast = { 'redis.connect_timeout_ms': '50' };
    const [late, hasty] = [
      await node(redis, 'late', fast),
      await node(redis, 'hasty', { ...fast, 'redis.start_without_orders': 'true' }),
    ];
    for (const token of [revoked, good]) expect(await reasonOf(late, token)).toBe('not_admitting');
    expect((await late.get('/health/live')).status).toBe(200);
    expect((await late.get('/health/ready')).status).toBe(503);
    const position = await fetch(`${late.url}/api/topics/chat.lobby/position`, {
      headers: { authorization: `Bearer ${revoked}` },
    });
    expect(position.status).toBe(503);
    expect(await reasonOf(hasty, revoked)).toBe('accepted');
    await redis.start();
    await eventually(async () => (await reasonOf(late, good)) === 'accepted', 'the node to have read them');
    expect(await reasonOf(late, revoked)).toBe('token_revoked');
    await eventually(async () => (await reasonOf(hasty, revoked)) === 'token_revoked', 'the other node too');
  });
});

test('live nodes write back what a Redis that was emptied has lost, without being asked', async () => {
  const redis = await startRedis();
  const a = await node(redis, 'a');
  await new Admin(a.port).post('/admin/tokens/revoke', { user: 'alice' });
  const kept = async (): Promise<string | null> => redis.redis.hget('signalbox:orders:{all}', 'revoke user /alice');
  const before = await kept();
  expect(before).toContain('"revoke"');
  await redis.redis.flushall();
  await eventually(async () => (await kept()) === before, 'the order to be written back');
});

describe('with 10,000 revocations, kept by an earlier version', () => {
  const COUNT = 10_000;

  test('a start adopts all of them with one line in the log', { timeout: 60_000 }, async () => {
    const redis = await startRedis();
    await keepRevocations(redis, COUNT);
    const server = await startProcess(['--set', `redis.url=${redis.url}`]);
    for (const jti of ['t-0', `t-${COUNT - 1}`])
      expect(await reasonOf(server, await tokenOf('alice', { claims: { jti } }))).toBe('token_revoked');
    await server.end();
    const lines = server.lines() as { message?: string; orders?: number; commands?: string }[];
    const adopted = lines.filter(({ message }) => message === 'Standing orders adopted');
    expect(adopted).toMatchObject([{ orders: COUNT, commands: `revoke ${COUNT}` }]);
    expect(lines.length).toBeLessThan(100);
  });

  test('another revocation makes nodes read that one', { timeout: 60_000 }, async () => {
    const redis = await startRedis();
    await keepRevocations(redis, COUNT);
    const [a] = [await node(redis, 'a'), await node(redis, 'b')];
    const sent = async (): Promise<number> =>
      Number(/total_net_output_bytes:(\d+)/.exec(await redis.redis.info('stats'))?.[1]);
    // Nodes look before they renew their lease: its time in the index says when.
    const looked = async (): Promise<number> => {
      const times = await redis.redis.zrange('signalbox:nodes:{all}', '0', '-1', 'WITHSCORES');
      return Math.min(...times.filter((_, at) => at % 2 === 1).map(Number));
    };
    await new Admin(a.port).post('/admin/tokens/revoke', { jti: 'one-more' });
    const [bytes, at] = [await sent(), Date.now()];
    await eventually(async () => (await looked()) > at, 'both nodes to have looked', 20_000);
    // All of them are 2 MB; looking itself, asking for figures and the pings of the links cost far less.
    expect((await sent()) - bytes).toBeLessThan(COUNT * 50);
  });
});
