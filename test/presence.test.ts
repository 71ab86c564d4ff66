/** Presence over real sockets on one node: who is there is told as a logged topic, and read page by page. */
import { describe, expect, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from './harness/admin.ts';
import { connect, type Client } from './harness/client.ts';
import type { Frame } from './harness/frames.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

const RULES = JSON.stringify([
  { pattern: 'chat.**', presence: 'user' },
  { pattern: 'tabs.**', presence: 'connection' },
  { pattern: 'staff.**', presence: 'user', presence_enter: ['admin'], presence_read: ['admin'] },
]);
const SETTINGS = { 'topics.rules': RULES, 'presence.batch_ms': '20', 'rate_limiting.enabled': 'false' };
const T = 'chat.lobby';

interface Delta {
  readonly changes?: readonly Record<string, unknown>[];
  readonly count: number;
}

function start(settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  return startServer({ ...SETTINGS, ...settings });
}

async function enter(client: Client, data?: unknown, topic = T): Promise<Frame> {
  return client.ask('Presence', { topic, action: 'enter', ...(data === undefined ? {} : { data }) });
}

async function delta(reader: Client): Promise<Delta> {
  return (await reader.next('Broadcast')).data.payload as Delta;
}

async function members(reader: Client, more: object = {}): Promise<Record<string, unknown>> {
  const { data } = await reader.ask('PresenceGet', { topic: T, ...more });
  return data.details as Record<string, unknown>;
}

describe.each(['json', 'msgpack'] as const)('presence in %s', (format) => {
  test('is told to readers of the alias, with positions, and read as a page', async () => {
    const { port } = await start();
    const [reader, ada] = [
      await connect(port, { user: 'reader', format }),
      await connect(port, { user: 'ada', format }),
    ];
    await reader.subscribe(`@presence.${T}`);
    const reply = await enter(ada, { mood: 'é' });
    expect(reply).toMatchObject({
      type: 'Status',
      data: { status: 'presence', details: { user: 'ada', count: 1, sequence: 1 } },
    });
    const told = await reader.next('Broadcast');
    expect(told.data).toMatchObject({ topic: `@presence.${T}`, sequence: 1, from: '' });
    expect(told.data.payload).toEqual({ changes: [{ op: 'enter', user: 'ada', data: { mood: 'é' } }], count: 1 });
    await ada.ask('Presence', { topic: T, action: 'update', data: { mood: 'ok' } });
    expect(await delta(reader)).toEqual({ changes: [{ op: 'update', user: 'ada', data: { mood: 'ok' } }], count: 1 });
    expect(await members(reader)).toMatchObject({
      count: 1,
      position: { sequence: 2 },
      members: [{ user: 'ada', data: { mood: 'ok' }, connections: 1, sequence: 2 }],
    });
    await ada.ask('Presence', { topic: T, action: 'leave' });
    expect(await delta(reader)).toEqual({ changes: [{ op: 'leave', user: 'ada', reason: 'left' }], count: 0 });
  });
});

test('a reader who comes back at a position gets the changes since, and history has them', async () => {
  const { port } = await start();
  const reader = await connect(port, { user: 'reader' });
  const { positions } = await reader.subscribe(`@presence.${T}`);
  await reader.close();
  for (const user of ['ada', 'bob']) await enter(await connect(port, { user }));
  const again = await connect(port, { user: 'reader' });
  await again.subscribe({ topic: `@presence.${T}`, ...positions[`@presence.${T}`] });
  expect([await delta(again), await delta(again)].map(({ count }) => count)).toEqual([1, 2]);
  const { data } = await again.ask('History', { topic: `@presence.${T}`, limit: 10 });
  expect((data.details as { messages: unknown[] }).messages).toHaveLength(2);
});

test('two tabs of a user are one member, until the last one leaves', async () => {
  const { port } = await start();
  const reader = await connect(port, { user: 'reader' });
  await reader.subscribe(`@presence.${T}`);
  const [one, two] = [await connect(port, { user: 'ada' }), await connect(port, { user: 'ada' })];
  await enter(one);
  await enter(two);
  await one.ask('Presence', { topic: T, action: 'leave' });
  await two.ask('Presence', { topic: T, action: 'leave' });
  const told = [await delta(reader), await delta(reader)];
  expect(told.map(({ changes }) => changes?.map(({ op }) => op))).toEqual([['enter'], ['leave']]);
  expect(reader.untaken('Broadcast')).toEqual([]);
});

test('where a rule says so each connection is a member', async () => {
  const { port } = await start();
  const clients = [await connect(port, { user: 'ada' }), await connect(port, { user: 'ada' })];
  for (const client of clients) await enter(client, {}, 'tabs.a');
  const { data } = await (clients[0] as Client).ask('PresenceGet', { topic: 'tabs.a' });
  const details = data.details as { readonly count: number; readonly members: readonly { connection: string }[] };
  expect(details.count).toBe(2);
  expect(details.members.map(({ connection }) => connection).toSorted()).toEqual(
    clients.map(({ connected }) => connected.connection_id).toSorted(),
  );
});

test('pages are as long as asked for, and several topics are counted at once', async () => {
  const { port } = await start();
  const clients = await Promise.all(['a', 'b', 'c'].map((user) => connect(port, { user })));
  for (const client of clients) await enter(client);
  const reader = clients[0] as Client;
  const first = await members(reader, { limit: 2 });
  expect(first).toMatchObject({ count: 3, members: [{ user: 'a' }, { user: 'b' }] });
  expect(await members(reader, { limit: 2, after: first['next'] })).toMatchObject({ members: [{ user: 'c' }] });
  expect(await members(reader, { user: 'b' })).toMatchObject({ members: [{ user: 'b' }] });
  const { data } = await reader.ask('PresenceGet', { topics: [T, 'chat.none', 'open.x'] });
  expect(data.details).toMatchObject({
    counts: { [T]: 3, 'chat.none': 0 },
    rejected: [{ topic: 'open.x', reason: 'not_allowed' }],
  });
});

test('a topic that grows beyond the threshold tells counts, and names again when it has shrunk', async () => {
  const { port } = await start({ 'presence.threshold': '3', 'presence.threshold_back': '2' });
  const reader = await connect(port, { user: 'reader' });
  await reader.subscribe(`@presence.${T}`);
  const clients = await Promise.all(['a', 'b', 'c'].map((user) => connect(port, { user })));
  for (const client of clients) await enter(client);
  expect([await delta(reader), await delta(reader), await delta(reader)].at(-1)).toEqual({
    count: 3,
    entered: 1,
    left: 0,
  });
  for (const client of clients.slice(1)) await client.ask('Presence', { topic: T, action: 'leave' });
  expect([await delta(reader), await delta(reader)].at(-1)).toEqual({ count: 1, entered: 0, left: 1 });
  await enter(clients[1] as Client);
  expect(await delta(reader)).toEqual({ changes: [{ op: 'enter', user: 'b', data: {} }], count: 2 });
});

test('too many changes are coalesced, then refused, and the connection stays', async () => {
  const { port } = await start({ 'presence.changes_per_10_secs': '2' });
  const client = await connect(port, { user: 'ada' });
  const replies: Frame[] = [];
  for (let at = 0; at < 21; at += 1) replies.push(await enter(client, { at }));
  expect(replies[2]).toMatchObject({ data: { details: { coalesced: true } } });
  expect(replies[20]).toMatchObject({ type: 'Error', data: { reason: 'rate_limited', temporary: true } });
  expect(replies[20]?.data.retry_after_ms).toBeGreaterThan(0);
  expect(client.isClosed).toBe(false);
});

describe('what is refused', () => {
  test.each([
    ['a topic without presence', 'Presence', { topic: 'open.x', action: 'enter' }, 'not_allowed'],
    ['a topic that others may be present in', 'Presence', { topic: 'staff.x', action: 'enter' }, 'not_allowed'],
    ['a name that is none', 'Presence', { topic: 'a b', action: 'enter' }, 'invalid_topic'],
    ['the alias itself', 'Presence', { topic: `@presence.${T}`, action: 'enter' }, 'invalid_topic'],
    ['data that is no object', 'Presence', { topic: T, action: 'enter', data: [1] }, 'invalid_field'],
    [
      'data that is too large',
      'Presence',
      { topic: T, action: 'enter', data: { x: 'x'.repeat(1_024) } },
      'invalid_field',
    ],
    ['an action that is none', 'Presence', { topic: T, action: 'hide' }, 'invalid_field'],
    ['an update before an enter', 'Presence', { topic: T, action: 'update' }, 'not_found'],
    ['members that only others may see', 'PresenceGet', { topic: 'staff.x', user: 'a' }, 'not_allowed'],
    ['neither a topic nor topics', 'PresenceGet', {}, 'invalid_field'],
    ['51 topics', 'PresenceGet', { topics: Array.from({ length: 51 }, () => T) }, 'invalid_field'],
    ['501 members', 'PresenceGet', { topic: T, limit: 501 }, 'invalid_field'],
    ['a publish to the alias', 'Broadcast', { topic: `@presence.${T}`, payload: 1 }, 'invalid_topic'],
  ])('%s', async (_, type, data, reason) => {
    const { port } = await start({
      'topics.rules': RULES.replace(
        '"presence_read":["admin"]',
        '"presence_read":["admin"],"presence_count":["admin"]',
      ),
    });
    const client = await connect(port, { user: 'ada', roles: ['user'] });
    const reply = await client.ask(type, data);
    expect(reply).toMatchObject({ type: 'Error', data: { reason } });
    if (reason === 'invalid_field') expect(reply.data.message).toMatch(/expected .*, got/);
  });

  test('a subscription to the presence of a topic without it, and of one that only others may see', async () => {
    const { port } = await start();
    const client = await connect(port, { user: 'ada', roles: ['user'] });
    const { rejected } = await client.subscribe('@presence.open.x', '@presence.staff.x', `@presence.${T}`);
    expect(rejected.map(({ topic, reason }) => [topic, reason])).toEqual([
      ['@presence.open.x', 'not_allowed'],
      ['@presence.staff.x', 'not_allowed'],
    ]);
  });

  test('who may only count sees how many, and nobody’s name', async () => {
    const { port } = await start();
    await enter(await connect(port, { user: 'boss', roles: ['admin'] }), {}, 'staff.x');
    const { data } = await (
      await connect(port, { user: 'ada', roles: ['user'] })
    ).ask('PresenceGet', { topic: 'staff.x' });
    expect(data.details).toEqual({ topic: 'staff.x', count: 1, position: expect.anything() as unknown });
  });

  test('one topic more than a connection may be in', async () => {
    const { port } = await start({ 'presence.per_connection': '1' });
    const client = await connect(port, { user: 'ada' });
    await enter(client);
    expect(await enter(client, {}, 'chat.two')).toMatchObject({ data: { reason: 'topic_limit' } });
    expect((await enter(client, { again: true })).type).toBe('Status');
  });
});

test('a node without a rule for presence says so, and has no such feature', async () => {
  const { port } = await startServer();
  const client = await connect(port);
  expect(client.connected.features).not.toContain('presence');
  expect(await enter(client)).toMatchObject({
    type: 'Error',
    data: { reason: 'not_allowed', details: { because: 'no_rule' } },
  });
});

describe('from outside', () => {
  test('a backend reads who is present, with the rights of its token', async () => {
    const { url, port } = await start();
    await enter(await connect(port, { user: 'ada' }), { x: 1 });
    const get = async (path: string, roles: readonly string[]): Promise<{ status: number; body: unknown }> => {
      const headers = { authorization: `Bearer ${await tokenOf('backend', { roles })}` };
      const response = await fetch(`${url}/api/topics/${path}`, { headers });
      return { status: response.status, body: await response.json() };
    };
    expect(await get(`${T}/presence?limit=5`, ['service'])).toMatchObject({
      status: 200,
      body: { topic: T, count: 1, members: [{ user: 'ada', data: { x: 1 }, connections: 1 }] },
    });
    expect(await get(`${T}/presence?user=bob`, ['service'])).toMatchObject({ body: { count: 1, members: [] } });
    expect((await get(`${T}/presence`, ['user'])).status).toBe(403);
    expect(await get('open.x/presence', ['service'])).toMatchObject({
      status: 403,
      body: { error: { reason: 'not_allowed' } },
    });
    for (const query of ['limit=0', 'limit=501', 'who=ada', 'after=1&after=2'])
      expect((await get(`${T}/presence?${query}`, ['service'])).status).toBe(400);
  });

  test('a client without a connection reads who is present by POST /frames', async () => {
    const { url, port } = await start();
    await enter(await connect(port, { user: 'ada' }));
    const headers = { authorization: `Bearer ${await tokenOf('alice')}` };
    const body = JSON.stringify([{ type: 'PresenceGet', id: 'p', data: { topic: T } }]);
    const response = await fetch(`${url}/frames`, { method: 'POST', headers, body });
    expect(await response.json()).toMatchObject([
      { type: 'Status', reply_to: 'p', data: { details: { count: 1, members: [{ user: 'ada' }] } } },
    ]);
  });

  test('operators see topics with how many are present, and metrics count', async () => {
    const server = await start({ 'admin.token': ADMIN_TOKEN });
    for (const user of ['ada', 'bob']) await enter(await connect(server.port, { user }));
    const { body } = await new Admin(server.port).call('GET', '/admin/presence');
    expect(body).toMatchObject({ total: 1, topics: [{ topic: T, present: 2 }] });
    const id = server.running.node.connections[0]?.id ?? '';
    expect((await new Admin(server.port).get(`/admin/connections/${id}`)).body).toMatchObject({ presence: [T] });
    expect(await server.metric('signalbox_presence_members')).toBe(2);
    expect(await server.samples('signalbox_presence_changes_total')).toEqual([
      { op: 'enter', reason: 'entered', value: 2 },
    ]);
  });
});

test('a right that a new token takes away ends presence, and says so', async () => {
  const { port } = await start();
  const reader = await connect(port, { user: 'reader', roles: ['admin'] });
  await reader.subscribe('@presence.staff.x');
  const boss = await connect(port, { user: 'boss', roles: ['admin'] });
  await enter(boss, {}, 'staff.x');
  await delta(reader);
  await boss.ask('Authenticate', { token: await tokenOf('boss', { roles: ['user'] }) });
  expect(await delta(reader)).toEqual({ changes: [{ op: 'leave', user: 'boss', reason: 'not_allowed' }], count: 0 });
  const told = boss.frames.filter(({ data, reply_to }) => data.status === 'presence' && reply_to === undefined);
  expect(told.map(({ data }) => data.details)).toMatchObject([{ topic: 'staff.x', reason: 'not_allowed' }]);
});
