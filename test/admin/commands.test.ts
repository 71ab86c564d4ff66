/** What operators change, as clients feel it. */
import { describe, expect, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { connect, dial } from '../harness/client.ts';
import { eventually, within } from '../harness/deadline.ts';
import { ownTimer } from '../harness/own-time.ts';
import { startProcess } from '../harness/process.ts';
import { handshake, refusalIn } from '../harness/raw.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

const TOPIC = 'chat.lobby';

async function start(settings: Readonly<Record<string, string>> = {}): Promise<{ server: TestServer; admin: Admin }> {
  const server = await startServer({ 'admin.token': ADMIN_TOKEN, ...settings });
  return { server, admin: new Admin(server.port) };
}

describe('emergency mode', () => {
  test('read_only refuses what publishes, tells the clients, and leaves everything else', async () => {
    const { server, admin } = await start();
    const [alice, bob] = [await connect(server.port), await connect(server.port, { user: 'bob' })];
    await alice.subscribe(TOPIC);
    await bob.publish(TOPIC, 'before');
    expect((await admin.post('/admin/emergency-mode', { mode: 'read_only' })).body).toMatchObject({
      applied: true,
      until: null,
      connections: 2,
      nodes: [{ node: 'test-node', applied: true }],
    });
    expect((await alice.next('SystemNotification')).data).toMatchObject({ level: 'warning', code: 'read_only' });
    expect((await bob.publish(TOPIC, 'during')).data).toMatchObject({ code: 503, reason: 'read_only' });
    await alice.subscribe('chat.other');
    expect((await connect(server.port, { user: 'late' })).connected.mode).toBe('read_only');
    await admin.post('/admin/emergency-mode', { mode: 'normal' });
    expect((await bob.publish(TOPIC, 'after')).data).toMatchObject({ status: 'delivered' });
    expect((await alice.take(2)).map(({ data }) => data.payload)).toEqual(['before', 'after']);
  });

  test('with a ttl it reverts by itself; a dry run changes nothing and says what it would touch', async () => {
    const { server, admin } = await start();
    const alice = await connect(server.port);
    const dry = await admin.post('/admin/emergency-mode', { mode: 'read_only', ttl_secs: 60, dry_run: true });
    expect(dry.body).toMatchObject({ dry_run: true, applied: false, connections: 1 });
    expect(server.running.node.parts.mode.mode).toBe('running');
    await admin.post('/admin/emergency-mode', { mode: 'read_only', ttl_secs: 1 });
    expect((await alice.publish(TOPIC, 1)).data).toMatchObject({ reason: 'read_only' });
    expect((await alice.next('SystemNotification')).data).toMatchObject({ code: 'read_only' });
    expect((await alice.next('SystemNotification')).data).toMatchObject({ code: 'normal' });
    expect((await alice.publish(TOPIC, 2)).data).toMatchObject({ status: 'delivered' });
  });
});

test('disable-new keeps who is here and refuses who comes, until enable-new', async () => {
  const { server, admin } = await start();
  const alice = await connect(server.port);
  await admin.post('/admin/connections/disable-new');
  const refused = await handshake(server.port, { Authorization: `Bearer ${await tokenOf('late')}` });
  expect(refusalIn(refused)).toMatchObject({ code: 503, reason: 'not_admitting' });
  expect((await server.get('/health/ready')).status).toBe(503);
  expect((await server.get('/health/live')).status).toBe(200);
  expect((await alice.publish(TOPIC, 1)).data).toMatchObject({ status: 'delivered' });
  await admin.post('/admin/connections/enable-new', {});
  await connect(server.port, { user: 'late' });
});

test('rate limits change at once, for open connections too, and revert after their ttl', async () => {
  const { server, admin } = await start();
  const alice = await connect(server.port);
  const { body } = await admin.put('/admin/config/rate-limits', { connection_rps: 1, ttl_secs: 2 });
  expect(body).toMatchObject({ applied: true, connections: 1 });
  const { limits } = server.running.node.parts.context;
  expect(limits.connectionRate).toEqual({ perSecond: 1, burst: 2 });
  const answers = await Promise.all([1, 2, 3, 4].map((n) => alice.publish(TOPIC, n)));
  expect(answers.filter(({ data }) => data.reason === 'rate_limited')).toHaveLength(2);
  await eventually(() => limits.connectionRate.perSecond === 100, 'the limits to revert');
  expect(limits.connectionRate.burst).toBe(200);
});

test('a temporary change after another one reverts to what was before both', async () => {
  const { server, admin } = await start();
  const { limits } = server.running.node.parts.context;
  await admin.put('/admin/config/rate-limits', { connection_rps: 7, ttl_secs: 600 });
  await admin.put('/admin/config/rate-limits', { connection_rps: 3, ttl_secs: 1 });
  await eventually(() => limits.connectionRate.perSecond === 100, 'the limits to revert');
});

test('the log level changes at run time, also of one room, and reverts', async () => {
  const server = await startProcess(['--log-level', 'info'], { ADMIN_TOKEN });
  const admin = new Admin(server.port);
  const opened = (): number => server.lines().filter(({ message }) => message === 'Connection opened').length;
  await connect(server.port);
  expect(opened()).toBe(0);
  await admin.put('/admin/config/log-level', { level: 'info,connection=debug', ttl_secs: 1 });
  await connect(server.port);
  await eventually(() => opened() === 1, 'the debug line');
  await server.printed(/Admin change reverted/);
  await connect(server.port);
  await server.end();
  expect(opened()).toBe(1);
});

test('a broadcast reaches every connection in both formats, through a full mailbox too', async () => {
  const { server, admin } = await start();
  const clients = [
    await connect(server.port),
    await connect(server.port, { format: 'msgpack' }),
    await connect(server.port, { user: 'bob', batching: true }),
  ];
  const data = {
    level: 'critical',
    message: 'Déjà vu',
    title: 'T',
    actions: [{ label: 'More', url: 'https://a.test' }],
  };
  const { body } = await admin.post('/admin/broadcast', { type: 'SystemNotification', data });
  expect(body).toMatchObject({ applied: true, connections: 3 });
  for (const client of clients) expect((await client.next('SystemNotification')).data).toEqual(data);
});

describe('disconnecting', () => {
  test('one connection, for good or so that it comes back', async () => {
    const { server, admin } = await start();
    const [first, second] = [await connect(server.port), await connect(server.port)];
    const path = (id: string): string => `/admin/connections/${id}`;
    expect((await admin.call('DELETE', path(first.connected.connection_id))).status).toBe(200);
    await admin.call('DELETE', path(second.connected.connection_id), { reconnect: true });
    expect((await within(first.closed, 'the close')).code).toBe(4009);
    expect((await within(second.closed, 'the close')).code).toBe(4107);
    expect((await admin.call('DELETE', path(first.connected.connection_id))).status).toBe(404);
  });

  test('all connections of a user, whose name may hold anything, and of nobody else', async () => {
    const { server, admin } = await start();
    const user = 'a/b c%?#';
    const theirs = [await connect(server.port, { user }), await connect(server.port, { user })];
    const bob = await connect(server.port, { user: 'bob' });
    const { body } = await admin.post(`/admin/users/${encodeURIComponent(user)}/disconnect`, {});
    expect(body).toMatchObject({ connections: 2 });
    for (const client of theirs) expect((await within(client.closed, 'the close')).code).toBe(4009);
    expect((await bob.publish(TOPIC, 1)).data).toMatchObject({ status: 'delivered' });
  });
});

describe('revocation', () => {
  test.each([
    ['a token id', () => ({ jti: 't-1' })],
    ['a user', () => ({ user: 'alice' })],
    ['everything issued before a time', () => ({ issued_before: Math.floor(Date.now() / 1_000) - 5 })],
  ])('of %s closes live connections within a second, and refuses the token from then on', async (_name, target) => {
    const { server, admin } = await start();
    const issued = Math.floor(Date.now() / 1_000) - 10;
    const token = await tokenOf('alice', { claims: { jti: 't-1', iat: issued } });
    const [alice, again] = [await connect(server.port, { token }), await connect(server.port, { token })];
    const bob = await connect(server.port, { user: 'bob' });
    const elapsed = ownTimer();
    const { body } = await admin.post('/admin/tokens/revoke', target());
    expect(body).toMatchObject({ applied: true, connections: 2 });
    for (const client of [alice, again]) expect((await within(client.closed, 'the close')).code).toBe(4301);
    expect(elapsed()).toBeLessThan(1_000);
    const refused = await handshake(server.port, { Authorization: `Bearer ${token}` });
    expect(refusalIn(refused)).toMatchObject({ code: 401, reason: 'token_revoked' });
    expect((await bob.publish(TOPIC, 1)).data).toMatchObject({ status: 'delivered' });
    // Signing in again helps.
    const fresh = await tokenOf('alice', { claims: { jti: 't-2', iat: Math.floor(Date.now() / 1_000) + 1 } });
    await connect(server.port, { token: fresh });
  });

  test('refuses a revoked token in Authenticate, and the connection stays as it was', async () => {
    const { server, admin } = await start();
    const token = await tokenOf('alice', { claims: { jti: 't-9' } });
    const alice = await connect(server.port);
    await admin.post('/admin/tokens/revoke', { jti: 't-9' });
    expect((await alice.ask('Authenticate', { token })).data).toMatchObject({ reason: 'token_revoked' });
    expect((await alice.publish(TOPIC, 1)).data).toMatchObject({ status: 'delivered' });
  });

  test('a browser is told inside WebSocket, with 4301', async () => {
    const { server, admin } = await start({ 'security.allowed_origins': 'https://app.test' });
    const token = await tokenOf('alice', { claims: { jti: 't-1' } });
    await admin.post('/admin/tokens/revoke', { jti: 't-1' });
    const client = await dial(server.port, { token, headers: { origin: 'https://app.test' } });
    expect((await client.next('Error')).data).toMatchObject({ reason: 'token_revoked' });
    expect((await within(client.closed, 'the close')).code).toBe(4301);
  });
});

test('drain answers, then empties the node and ends the process with 0', async () => {
  const server = await startProcess([], { ADMIN_TOKEN });
  const admin = new Admin(server.port);
  const alice = await connect(server.port);
  expect((await admin.post('/admin/drain', { dry_run: true })).body).toMatchObject({ applied: false, connections: 1 });
  expect((await admin.post('/admin/drain')).body).toMatchObject({ applied: true, connections: 1 });
  expect((await within(alice.closed, 'the close')).code).toBe(4101);
  expect(await within(server.exited, 'the end')).toBe(0);
});

test('every change is an audit line with who, what and until when; a try is told apart', async () => {
  const server = await startProcess(['--set', 'server.trusted_proxies=127.0.0.1'], { ADMIN_TOKEN });
  const admin = new Admin(server.port);
  const behindProxy = { 'x-forwarded-for': '203.0.113.9' };
  const readOnly = { mode: 'read_only', ttl_secs: 60 };
  await admin.call('POST', '/admin/emergency-mode', readOnly, ADMIN_TOKEN, behindProxy);
  await admin.call('PUT', '/admin/config/rate-limits', { user_rps: 9 }, await tokenOf('olga', { roles: ['admin'] }));
  await admin.post('/admin/connections/disable-new', { dry_run: true });
  await admin.put('/admin/config/log-level', { level: 'loud' });
  await server.end();
  const audit = server.lines().filter((line) => (line as { audit?: boolean }).audit === true);
  expect(audit).toMatchObject([
    {
      message: 'Admin change',
      who: 'admin.token',
      address: '203.0.113.9',
      command: 'emergency_mode',
      arguments: '{"mode":"read_only","ttl_secs":60}',
      until: expect.stringMatching(/^20\d\d-.*Z$/),
      applied: 1,
    },
    { message: 'Admin change', who: 'olga', command: 'rate_limits', arguments: '{"user_rps":9}', until: null },
    { message: 'Admin change tried', command: 'admission', arguments: '{"admits":false}', applied: 0 },
    { message: 'Admin change not applied', command: 'log_level', applied: 0 },
  ]);
});

test('newcomers are told the limits and the mode that hold now, in every format, with batches and without', async () => {
  const { server, admin } = await start();
  const told = async (): Promise<unknown[]> => {
    const all: unknown[] = [];
    for (const format of ['json', 'msgpack'] as const)
      for (const batching of [false, true]) {
        const { connected } = await connect(server.port, { format, batching });
        const { limits, mode, features, node } = connected;
        expect(features.includes('batching')).toBe(batching);
        expect(node).toBe('test-node');
        all.push({ user: limits['user_rps'], connection: limits['connection_rps'], mode });
      }
    return all;
  };
  const [before] = await told();
  expect(before).toMatchObject({ mode: 'running' });
  await admin.put('/admin/config/rate-limits', { user_rps: 9, connection_rps: 7 });
  expect(await told()).toEqual(Array.from({ length: 4 }, () => ({ user: 9, connection: 7, mode: 'running' })));
});

describe('tracing', () => {
  test('is switched on at run time, explains what became of a message, and ends by itself', async () => {
    const { server, admin } = await start();
    const [alice, bob] = [await connect(server.port), await connect(server.port, { user: 'bob' })];
    await alice.subscribe(TOPIC);
    const before = await bob.publish(TOPIC, 'not traced');
    expect((await admin.post('/admin/trace', { topics: 'chat.**', enabled: true, ttl_secs: 2 })).status).toBe(200);
    expect((await admin.get('/admin/trace')).body).toMatchObject({ patterns: [{ pattern: 'chat.**' }] });
    const { data } = await bob.publish(TOPIC, 'traced');
    await alice.take(2);
    const path = (id: unknown, user: string): string => `/admin/trace/${String(id)}?user=${user}`;
    expect((await admin.get(path(data.id, 'alice'))).body).toMatchObject({
      message: {
        id: data.id,
        topic: TOPIC,
        from: 'bob',
        stages: { received: expect.any(Number), validated: expect.any(Number), delivered: expect.any(Number) },
        recipients: [{ user: 'alice', end: 'written', connection_id: alice.connected.connection_id }],
      },
      why: { user: 'alice', sentence: expect.stringContaining('alice got') },
    });
    expect((await admin.get(path(data.id, 'bob'))).body).toMatchObject({
      why: { verdict: 'not_delivered', sentence: expect.stringMatching(/bob .*subscri/) },
    });
    expect((await admin.get(path(before.data.id, 'alice'))).body).toMatchObject({ message: null });
    await eventually(async () => {
      const { body } = await admin.get('/admin/trace');
      return (body['patterns'] as unknown[]).length === 0;
    }, 'tracing to end');
  });

  test.each([
    [{ topics: '**', enabled: true }, 400],
    [{ topics: 'chat.{a}', enabled: true }, 400],
    [{ topics: 'chat.**', enabled: false }, 400],
  ])('refuses %j with %i', async (body, status) => {
    const { admin } = await start();
    expect((await admin.post('/admin/trace', body)).status).toBe(status);
  });
});
