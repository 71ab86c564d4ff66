/** Presence on nodes that share a Redis: what a drain, a killed node and an emptied Redis do to the members of a topic. */
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, type Client } from './harness/client.ts';
import { eventually } from './harness/deadline.ts';
import { startProcess } from './harness/process.ts';
import { startRedis, type RedisServer } from './harness/redis-server.ts';
import { startServer, type TestServer } from './harness/server.ts';

const T = 'chat.lobby';
const RULES = JSON.stringify([{ pattern: 'chat.**', presence: 'user' }]);
/** A lease, the look that misses it, the grace, and a busy machine. */
const REAPED_MS = 60_000;

let redis: RedisServer;
let lastPrefix = 0;
let shared: Readonly<Record<string, string>>;
beforeAll(async () => {
  redis = await startRedis();
});

function settings(): Readonly<Record<string, string>> {
  lastPrefix += 1;
  shared = {
    'redis.url': redis.url,
    'redis.prefix': `presence${lastPrefix}`,
    'topics.rules': RULES,
    'presence.batch_ms': '20',
    'presence.grace_secs': '2',
    'rate_limiting.enabled': 'false',
  };
  return shared;
}

function node(name: string): Promise<TestServer> {
  return startServer({ ...shared, 'server.node_name': name });
}

interface Delta {
  readonly changes?: readonly { readonly op: string; readonly user: string; readonly reason?: string }[];
  readonly count: number;
}

const deltas = (reader: Client): Delta[] =>
  reader.frames.filter(({ type }) => type === 'Broadcast').map(({ data }) => data.payload as Delta);

const changes = (reader: Client): string[] =>
  deltas(reader).flatMap(({ changes: some = [] }) =>
    some.map(({ op, user, reason = '' }) => `${op} ${user} ${reason}`.trim()),
  );

async function enter(port: number, users: readonly string[]): Promise<Client[]> {
  const clients = await Promise.all(users.map((user) => connect(port, { user })));
  await Promise.all(clients.map((client) => client.ask('Presence', { topic: T, action: 'enter' })));
  return clients;
}

async function count(client: Client): Promise<number> {
  const { data } = await client.ask('PresenceGet', { topics: [T] });
  return (data.details as { readonly counts: Readonly<Record<string, number>> }).counts[T] ?? -1;
}

test('who enters on one node is seen on the other, and a user on both is one member', async () => {
  settings();
  const [a, b] = [await node('a'), await node('b')];
  const reader = await connect(b.port, { user: 'reader' });
  await reader.subscribe(`@presence.${T}`);
  const [ada] = await enter(a.port, ['ada']);
  await enter(b.port, ['ada', 'bob']);
  await eventually(() => changes(reader).length === 2, 'both to be told');
  expect(changes(reader)).toEqual(['enter ada', 'enter bob']);
  await ada?.ask('Presence', { topic: T, action: 'leave' });
  const { data } = await reader.ask('PresenceGet', { topic: T });
  const { members } = data.details as {
    readonly members: readonly { readonly user: string; readonly connections: number }[];
  };
  expect(members.map(({ user, connections }) => `${user} ${connections}`).sort()).toEqual(['ada 1', 'bob 1']);
  expect(changes(reader)).toHaveLength(2);
});

test(
  'a drained node causes no leave when its clients come back within the grace',
  async () => {
    settings();
    const [a, b] = [await node('a'), await node('b')];
    const reader = await connect(b.port, { user: 'reader' });
    await reader.subscribe(`@presence.${T}`);
    const users = Array.from({ length: 30 }, (_, at) => `u${at}`);
    await enter(a.port, users);
    await eventually(() => changes(reader).length === 30, 'all to be told');
    await a.stop();
    await enter(b.port, users);
    // Longer than the grace: what the drained node left is removed meanwhile.
    await eventually(
      async () => {
        const { data } = await reader.ask('PresenceGet', { topic: T });
        const { members } = data.details as { readonly members: readonly { readonly connections: number }[] };
        return members.length === 30 && members.every(({ connections }) => connections === 1);
      },
      'the drained node to be removed',
      REAPED_MS,
    );
    expect(changes(reader).filter((change) => !change.startsWith('enter'))).toEqual([]);
  },
  REAPED_MS * 2,
);

test(
  'a killed node causes exactly one batch of leaves, after lease and grace',
  async () => {
    settings();
    const b = await node('b');
    const reader = await connect(b.port, { user: 'reader' });
    await reader.subscribe(`@presence.${T}`);
    const environment = Object.entries(shared).map(([key, value]) => [
      `SIGNALBOX_${key.replace('.', '_').toUpperCase()}`,
      value,
    ]);
    const victim = await startProcess([], Object.fromEntries(environment) as Record<string, string>);
    await enter(victim.port, ['ada', 'bob', 'eve']);
    await enter(b.port, ['eve']);
    await eventually(() => changes(reader).length === 3, 'all to be told');
    const before = deltas(reader).length;
    const killedAt = Date.now();
    victim.child.kill('SIGKILL');
    await eventually(() => deltas(reader).length > before, 'the leaves', REAPED_MS);
    const tookMs = Date.now() - killedAt;
    expect(tookMs).toBeGreaterThan(10_000);
    await eventually(
      async () => (await redis.redis.zcard(`${shared['redis.prefix']}:presences:{all}`)) === 1,
      'the owner to be forgotten',
      REAPED_MS,
    );
    expect(deltas(reader).slice(before)).toEqual([
      {
        changes: expect.arrayContaining(
          ['ada', 'bob'].map((user) => ({ op: 'leave', user, reason: 'node_lost' })),
        ) as unknown,
        count: 1,
      },
    ]);
    expect(await count(reader)).toBe(1);
  },
  REAPED_MS * 2,
);

describe('an emptied Redis', () => {
  test(
    'is told again who is there, and readers hear that they have to read anew',
    async () => {
      settings();
      const [a, b] = [await node('a'), await node('b')];
      const reader = await connect(b.port, { user: 'reader' });
      await reader.subscribe(`@presence.${T}`);
      const [ada] = await enter(a.port, ['ada']);
      await enter(b.port, ['bob']);
      await eventually(() => changes(reader).length === 2, 'both to be told');
      await redis.redis.flushall();
      await eventually(async () => (await count(reader)) === 2, 'both to be there again', REAPED_MS);
      await ada?.ask('Presence', { topic: T, action: 'leave' });
      await eventually(async () => (await count(reader)) === 1, 'the leave to count');
      await eventually(
        () => reader.frames.some(({ type, data }) => type === 'Gap' && data.topic === `@presence.${T}`),
        'a Gap',
        REAPED_MS,
      );
      expect(await members(reader)).toEqual(['bob']);
    },
    REAPED_MS * 2,
  );
});

async function members(reader: Client): Promise<string[]> {
  const { data } = await reader.ask('PresenceGet', { topic: T });
  return (data.details as { readonly members: readonly { readonly user: string }[] }).members.map(({ user }) => user);
}
