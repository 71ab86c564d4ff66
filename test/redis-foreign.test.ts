/** Redis as others have set it up: what cannot work stops the start with one line, and what is mended is noticed. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from './harness/admin.ts';
import { connect } from './harness/client.ts';
import { eventually } from './harness/deadline.ts';
import { startProcess } from './harness/process.ts';
import { startRedis, type RedisServer } from './harness/redis-server.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { SECRET } from './harness/tokens.ts';

const TOPIC = 'chat.lobby';
/** Nodes look at Redis every two seconds. */
const SLOW_MS = 60_000;

function settingsFor(url: string): Record<string, string> {
  return {
    'redis.url': url,
    'redis.command_timeout_ms': '2000',
    'redis.connect_timeout_ms': '2000',
    'redis.retry_max_ms': '100',
    'rate_limiting.enabled': 'false',
  };
}

async function readiness(node: TestServer): Promise<unknown> {
  const response = await node.get('/health/ready');
  const { broker_state: state } = (await response.json()) as { broker_state?: string };
  return { status: response.status, state };
}

const READY = { status: 200, state: undefined };

async function troubleOf(node: TestServer): Promise<string | undefined> {
  const samples = (await node.samples('signalbox_redis_trouble')) as unknown as { trouble: string; value: number }[];
  return samples.find(({ value }) => value === 1)?.trouble;
}

async function expectReadiness(node: TestServer, expected: unknown): Promise<void> {
  await eventually(
    async () => JSON.stringify(await readiness(node)) === JSON.stringify(expected),
    `the node to be ${JSON.stringify(expected)}`,
  );
}

/** A whole round: publish, receive, catch up. */
async function expectToServe(node: TestServer): Promise<void> {
  const reader = await connect(node.port, { user: 'reader' });
  await reader.subscribe(TOPIC, 'room.*');
  const publisher = await connect(node.port, { user: 'publisher' });
  expect((await publisher.publish(TOPIC, 'plain')).type).toBe('Ack');
  expect((await publisher.publish('room.a', 'by pattern')).type).toBe('Ack');
  const payloads = (await reader.take(2)).map(({ data }) => data.payload);
  expect(new Set(payloads)).toEqual(new Set(['by pattern', 'plain']));
}

describe('login and database', () => {
  test('a database that Redis does not have stops the start', async () => {
    const redis = await startRedis();
    await expect(startServer(settingsFor(`${redis.url}/99`))).rejects.toThrow(
      /expected Redis to take database 99 of redis\.url, it says: ERR DB index is out of range/,
    );
  });

  test('a user who may not choose a database stops the start', async () => {
    const redis = await startRedis();
    await redis.redis.acl('SETUSER', 'app', 'on', '>secret', 'allkeys', 'allchannels', '+@all', '-select');
    const url = redis.url.replace('//', '//app:secret@');
    await expect(startServer(settingsFor(`${url}/3`))).rejects.toThrow(/expected Redis to take database 3.*NOPERM/);
    // Database 0 needs no choice.
    await expectToServe(await startServer(settingsFor(url)));
  });

  test.each([
    ['a wrong password', ':wrong@', /expected Redis to take user and password of redis\.url, it says: WRONGPASS/],
    ['no password', '', /expected Redis to take user and password of redis\.url, it says: NOAUTH/],
    ['a user that is unknown', 'nobody:secret@', /expected Redis to take user and password.*WRONGPASS/],
  ])('%s stops the start', async (_, login, problem) => {
    const redis = await startRedis();
    await redis.redis.config('SET', 'requirepass', 'secret');
    await expect(startServer(settingsFor(redis.url.replace('//', `//${login}`)))).rejects.toThrow(problem);
  });

  test('a password for a Redis that has none stops the start', async () => {
    const redis = await startRedis();
    await expect(startServer(settingsFor(redis.url.replace('//', '//:secret@')))).rejects.toThrow(
      /expected Redis to take user and password of redis\.url, it says: ERR AUTH <password> called without any password/,
    );
  });

  test('the chosen database is the one that is used', async () => {
    const redis = await startRedis();
    await expectToServe(await startServer(settingsFor(`${redis.url}/3`)));
    expect(await redis.redis.dbsize()).toBe(0);
  });
});

describe('others on the same Redis', () => {
  const OTHER_SECRET = 'the secret of another service, of 32 bytes and more';

  test('two services in two databases hear nothing of each other', async () => {
    const redis = await startRedis();
    const admin = { 'admin.token': ADMIN_TOKEN };
    const one = await startServer({ ...settingsFor(`${redis.url}/1`), ...admin });
    const two = await startServer({ ...settingsFor(`${redis.url}/2`), ...admin });
    const reader = await connect(two.port, { user: 'reader' });
    await reader.subscribe(TOPIC, 'room.*');
    const publisher = await connect(one.port, { user: 'publisher' });
    await publisher.publishAll(TOPIC, [1, 2]);
    await publisher.publishAll('room.a', [1, 2]);
    await new Admin(one.port).post('/admin/emergency-mode', { mode: 'read_only', ttl_secs: 60 });
    // Two would have got all that before its own: it comes by the same connection.
    const own = await connect(two.port, { user: 'publisher' });
    expect((await own.publish(TOPIC, 'own')).data).toMatchObject({ sequence: 1 });
    await own.publish('room.a', 'own');
    expect((await reader.take(2)).map(({ data }) => data.payload)).toEqual(['own', 'own']);
    expect(reader.untaken('Broadcast')).toEqual([]);
    expect(await (await two.get('/health')).json()).toMatchObject({ mode: 'running' });
    expect(await (await one.get('/health')).json()).toMatchObject({ mode: 'read_only' });
  });

  test('a service with other keys and the same names is refused', async () => {
    const redis = await startRedis();
    await startServer(settingsFor(redis.url));
    const other = { ...settingsFor(redis.url), 'auth.jwt_secret': OTHER_SECRET };
    await expect(startServer(other)).rejects.toThrow(/expected data of this service.*another service.*redis\.prefix/);
    // Its secret is nowhere to be seen.
    expect(await redis.redis.get('signalbox:deployment:{all}')).not.toContain(SECRET);
    for (const apart of [{ 'redis.prefix': 'other' }, { 'redis.url': `${redis.url}/1` }])
      await expectToServe(await startServer({ ...settingsFor(redis.url), ...apart }));
  });

  test('a service whose keys are rotated stays the same', async () => {
    const redis = await startRedis();
    const settings = settingsFor(redis.url);
    await startServer(settings);
    await startServer({ ...settings, 'auth.jwt_secret': OTHER_SECRET, 'auth.jwt_previous_secret': SECRET });
    // Nodes of before that start again meanwhile, and nodes of after.
    await startServer(settings);
    await startServer({ ...settings, 'auth.jwt_secret': OTHER_SECRET });
  });

  test('a name decides, whatever the keys', async () => {
    const redis = await startRedis();
    const settings = { ...settingsFor(redis.url), 'redis.deployment': 'shop' };
    await startServer(settings);
    await startServer({ ...settings, 'auth.jwt_secret': OTHER_SECRET });
    await expect(startServer({ ...settings, 'redis.deployment': 'forum' })).rejects.toThrow(
      /got that of service "shop", this is "forum"/,
    );
  });
});

describe('policy', () => {
  test(
    'changed while serving: not ready, those who are there go on; mended: ready again',
    { timeout: SLOW_MS },
    async () => {
      const redis = await startRedis();
      const node = await startServer(settingsFor(redis.url));
      expect(await readiness(node)).toEqual(READY);
      await redis.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
      await expectReadiness(node, { status: 503, state: 'unfit' });
      expect(await troubleOf(node)).toBe('unfit');
      await expectToServe(node);
      await redis.redis.config('SET', 'maxmemory-policy', 'noeviction');
      await expectReadiness(node, READY);
      expect(await troubleOf(node)).toBeUndefined();
    },
  );

  test('a node that started without Redis refuses one that is unfit, and takes it when it is mended', async () => {
    const redis = await startRedis(['--maxmemory-policy', 'allkeys-lru']);
    await redis.kill();
    const node = await startServer({ ...settingsFor(redis.url), 'redis.connect_timeout_ms': '200' });
    await redis.start();
    await expectReadiness(node, { status: 503, state: 'unfit' });
    await redis.redis.config('SET', 'maxmemory-policy', 'noeviction');
    await expectReadiness(node, READY);
    await expectToServe(node);
  });
});

describe('full', () => {
  test(
    'said in health and metrics; leases stay, and commands tell what became of them',
    { timeout: SLOW_MS },
    async () => {
      const redis = await startRedis();
      const shared = { ...settingsFor(redis.url), 'admin.token': ADMIN_TOKEN };
      const [a, b] = await Promise.all(['a', 'b'].map((name) => startServer({ ...shared, 'server.node_name': name })));
      if (a === undefined || b === undefined) throw new Error('expected two nodes');
      const admin = new Admin(a.port);
      const reader = await connect(b.port, { user: 'reader' });
      await reader.subscribe(TOPIC);
      const publisher = await connect(a.port, { user: 'publisher' });
      await publisher.publish(TOPIC, 'before');
      await redis.redis.config('SET', 'maxmemory', '1');
      await expectReadiness(a, { status: 503, state: 'full' });
      await expectReadiness(b, { status: 503, state: 'full' });
      expect(await troubleOf(a)).toBe('full');
      expect(await (await a.get('/health')).json()).toMatchObject({ broker_state: 'full' });
      expect((await publisher.publish(TOPIC, 'no')).data).toMatchObject({ reason: 'log_unavailable' });
      expect((await publisher.publish('room.new', 'no')).data).toMatchObject({ reason: 'log_unavailable' });
      // The other node is told, does it and says so; what is not kept is said as well.
      const { body } = await admin.post('/admin/emergency-mode', { mode: 'read_only', ttl_secs: 60 });
      expect(body['nodes']).toMatchObject([
        { node: 'a', applied: true },
        { node: 'b', applied: true },
        { node: 'nodes that start later', applied: false, problem: expect.stringMatching(/did not keep it/) as string },
      ]);
      // Leases are renewed all the same: by their time alone, which needs no memory.
      const leases = await redis.redis.keys('signalbox:node:*');
      expect(leases.length).toBe(2);
      for (const lease of leases) {
        await redis.redis.pexpire(lease, 6_500);
        await eventually(async () => (await redis.redis.pttl(lease)) > 7_000, 'the lease to be renewed');
      }
      // A session that finds no room waits for it.
      await (await connect(b.port, { user: 'gone' })).close();
      await eventually(async () => (await b.metric('signalbox_redis_sessions_waiting')) > 0, 'a session to wait');
      await redis.redis.config('SET', 'maxmemory', '0');
      await eventually(async () => (await b.metric('signalbox_redis_sessions_waiting')) === 0, 'it to be written');
      await expectReadiness(a, READY);
      await expectReadiness(b, READY);
      await admin.post('/admin/emergency-mode', { mode: 'normal' });
      // A topic that could not be put into the index of patterns is put there with its next message.
      await publisher.publish('room.new', 'yes');
      expect((await reader.subscribe('room.*')).positions).toHaveProperty(['room.new']);
      // A node ends although its sessions find no room.
      await redis.redis.config('SET', 'maxmemory', '1');
      await b.stop();
    },
  );

  test('a node that starts on a full Redis is not ready, and is when there is room', async () => {
    const redis = await startRedis(['--maxmemory', '1']);
    const node = await startServer(settingsFor(redis.url));
    expect(await readiness(node)).toEqual({ status: 503, state: 'full' });
    await redis.redis.config('SET', 'maxmemory', '0');
    await expectReadiness(node, READY);
    await expectToServe(node);
  });

  test('logged when it comes and when it has gone', { timeout: SLOW_MS }, async () => {
    const redis = await startRedis();
    const node = await startProcess(['--set', `redis.url=${redis.url}`]);
    await redis.redis.config('SET', 'maxmemory', '1');
    await node.printed(/"level":"ERROR".*Redis is full/);
    await redis.redis.config('SET', 'maxmemory', '0');
    await node.printed(/Redis has room again/);
    await redis.redis.config('SET', 'maxmemory-policy', 'volatile-lru');
    await node.printed(/"level":"WARN".*expected maxmemory-policy noeviction, got volatile-lru/);
    await redis.redis.config('SET', 'maxmemory-policy', 'noeviction');
    await node.printed(/Redis is mended/);
    const count = (text: string): number => node.output.split(text).length - 1;
    expect(['Redis is full', 'room again', 'Redis was changed', 'Redis is mended'].map(count)).toEqual([1, 1, 1, 1]);
    await node.end();
  });
});

describe('rights', () => {
  /** The line of the page, with the password and the prefix of the test. */
  async function setUser(redis: RedisServer, change: (rules: readonly string[]) => readonly string[]): Promise<string> {
    const page = readFileSync(new URL('../docs/redis.md', import.meta.url), 'utf8');
    const [, line = ''] = /^ACL SETUSER (signalbox .*)$/m.exec(page) ?? [];
    const [name = '', ...rules] = line.replace('PASSWORD', 'secret').split(' ');
    await redis.redis.acl('SETUSER', name, ...change(rules));
    return redis.url.replace('//', `//${name}:secret@`);
  }

  test('the user of the page has all that a node needs', async () => {
    const redis = await startRedis();
    const node = await startServer(settingsFor(await setUser(redis, (rules) => rules)));
    expect(await readiness(node)).toEqual(READY);
    await expectToServe(node);
    const other = await connect(node.port, { user: 'direct' });
    expect((await other.publish(TOPIC, 'again')).type).toBe('Ack');
    // Nothing of the tries stays, and nothing was refused.
    expect((await redis.redis.keys('*probe*')).length).toBe(0);
    expect(await redis.redis.call('ACL', 'LOG')).toEqual([]);
  });

  test(
    'every right of the line is needed: without any of them the start stops and names it',
    { timeout: SLOW_MS },
    async () => {
      const redis = await startRedis();
      const named: string[] = [];
      await setUser(redis, (rules) => (named.push(...rules.filter((rule) => /^[+]/.test(rule))), rules));
      // What the library and backups use, and what only a cluster has.
      const others = new Set([
        '+auth',
        '+client|setname',
        '+scan',
        '+cluster|slots',
        '+cluster|info',
        '+cluster|shards',
        '+unsubscribe',
        '+punsubscribe',
        '+select',
      ]);
      for (const right of named.filter((it) => !others.has(it))) {
        const url = await setUser(redis, (rules) => ['reset', ...rules.filter((rule) => rule !== right)]);
        await expect(startServer(settingsFor(url)), right).rejects.toThrow(`missing are ${right} (docs/redis.md`);
      }
    },
  );

  test.each([
    ['channels', ['resetchannels'], /missing are &\* \(publish signalbox:live:\*\).*&\* \(subscribe signalbox:live/],
    ['patterns of channels', ['resetchannels', '&signalbox:*'], /missing are &\* \(psubscribe signalbox:live:/],
    ['keys', ['resetkeys', '~other:*'], /missing are ~signalbox:topic:\*/],
    ['one kind of keys', ['resetkeys', '~signalbox:topic:*'], /missing are ~signalbox:stream:\* ~signalbox:index:\*/],
  ])('without %s the start stops', async (_, changes, problem) => {
    const redis = await startRedis();
    const url = await setUser(redis, (rules) => [...rules, ...changes]);
    await expect(startServer(settingsFor(url))).rejects.toThrow(problem);
  });

  test('withdrawn while serving: not ready; given back: ready again', { timeout: SLOW_MS }, async () => {
    const redis = await startRedis();
    const node = await startServer(settingsFor(await setUser(redis, (rules) => rules)));
    const publisher = await connect(node.port, { user: 'publisher' });
    const { data: before } = await publisher.publish(TOPIC, 'before');
    await redis.redis.acl('SETUSER', 'signalbox', '-xadd');
    expect((await publisher.publish(TOPIC, 'x')).data).toMatchObject({ code: 503 });
    await expectReadiness(node, { status: 503, state: 'unfit' });
    await redis.redis.acl('SETUSER', 'signalbox', '+xadd');
    await expectReadiness(node, READY);
    // The messages of before are there still: a script that might not add took the log for damaged once, and deleted it.
    expect((await publisher.publish(TOPIC, 'after')).data).toMatchObject({ epoch: before.epoch, sequence: 2 });
    await expectToServe(node);
  });
});
