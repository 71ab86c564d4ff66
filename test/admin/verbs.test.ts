/** The same on the command line: the verbs of `./signalbox` against a server. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { within } from '../harness/deadline.ts';
import { signalbox, type Outcome } from '../harness/process.ts';
import { startServer, type TestServer } from '../harness/server.ts';

async function run(server: TestServer, ...args: string[]): Promise<Outcome> {
  return signalbox([...args, '--url', server.url], { ADMIN_TOKEN });
}

test('the token may be in a file, as in a container', async () => {
  const server = await startServer({ 'admin.token': ADMIN_TOKEN });
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-verbs-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'admin-token');
  writeFileSync(file, `${ADMIN_TOKEN}\n`);
  const { code, out } = await signalbox(['nodes', '--url', server.url], { ADMIN_TOKEN_FILE: file });
  expect([code, out]).toEqual([0, expect.stringContaining('test-node')]);
  const none = await signalbox(['nodes', '--url', server.url], { ADMIN_TOKEN_FILE: join(directory, 'none') });
  expect([none.code, none.err]).toEqual([2, expect.stringContaining('ADMIN_TOKEN_FILE to name a file')]);
});

describe('emergency', () => {
  test('read-only with a ttl, as a try first, then normal', async () => {
    const server = await startServer({ 'admin.token': ADMIN_TOKEN });
    const alice = await connect(server.port);
    const dry = await run(server, 'emergency', 'read-only', '--ttl', '10m', '--dry-run');
    expect([dry.code, dry.out]).toEqual([0, expect.stringContaining('would touch 1 connections')]);
    expect(server.running.node.parts.mode.isReadOnly).toBe(false);
    const real = await run(server, 'emergency', 'read-only', '--ttl', '10m');
    expect([real.code, real.out]).toEqual([
      0,
      expect.stringMatching(/until 20.*\n {2}test-node: applied, 1 connections/),
    ]);
    expect((await alice.publish('chat.lobby', 1)).data).toMatchObject({ reason: 'read_only' });
    expect((await run(server, 'emergency', 'normal')).code).toBe(0);
    expect((await alice.publish('chat.lobby', 1)).data).toMatchObject({ status: 'delivered' });
  });

  test('every action reaches its endpoint', async () => {
    const server = await startServer({ 'admin.token': ADMIN_TOKEN });
    const alice = await connect(server.port);
    const { limits } = server.running.node.parts.context;
    await run(server, 'emergency', 'rate-limits', '--connection-rps', '7');
    expect(limits.connectionRate.perSecond).toBe(7);
    await run(server, 'emergency', 'disable-new');
    expect(server.running.node.parts.mode.isAdmitting).toBe(false);
    await run(server, 'emergency', 'enable-new');
    expect(server.running.node.parts.mode.isAdmitting).toBe(true);
    await run(server, 'emergency', 'broadcast', 'back in five minutes', '--level', 'warning');
    expect((await alice.next('SystemNotification')).data).toEqual({
      level: 'warning',
      message: 'back in five minutes',
    });
    const level = await run(server, 'emergency', 'log-level', 'error', '--json');
    expect(JSON.parse(level.out)).toMatchObject({ command: 'log_level', applied: true });
    await run(server, 'emergency', 'revoke', '--user', 'alice');
    expect((await within(alice.closed, 'the close')).code).toBe(4301);
    const bob = await connect(server.port, { user: 'bob' });
    await run(server, 'emergency', 'disconnect', 'bob', '--reconnect');
    expect((await within(bob.closed, 'the close')).code).toBe(4107);
  });

  test.each([
    [['emergency'], 'expected one of read-only'],
    [['emergency', 'panic'], 'got "panic"'],
    [['emergency', 'broadcast'], 'expected broadcast TEXT'],
    [['emergency', 'normal', 'please'], 'no further word'],
    [['emergency', 'read-only', '--ttl', 'soon'], 'expected --ttl like 30s'],
    [['emergency', 'broadcast', 'x', '--ttl', '1h'], 'cannot revert'],
    [['emergency', 'rate-limits'], '--connection-rps, --user-rps or --global-rps'],
    [['emergency', 'rate-limits', '--user-rps', 'many'], 'to be a number'],
    [['emergency', 'revoke'], '--jti, --user or --issued-before'],
    [['emergency', 'revoke', '--issued-before', 'yesterday'], 'like 2026-01-31T12:00:00Z'],
    [['connections', 'kill', 'x'], 'list, show ID or close ID'],
    [['topics', '--url', 'localhost:8081'], 'expected --url like'],
  ])('%j is a usage error that says what was expected', async (args, message) => {
    const { code, err } = await signalbox(args, { ADMIN_TOKEN });
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
  });
});

test('every verb that asks a node looks where the configuration says', async () => {
  const server = await startServer({ 'admin.token': ADMIN_TOKEN });
  const apart = await startServer({ 'admin.token': ADMIN_TOKEN, 'admin.port': '0' });
  const verbs = [['nodes'], ['connections'], ['topics'], ['emergency', 'normal', '--dry-run'], ['trace', 'list']];
  for (const verb of verbs) {
    const { code, err } = await signalbox(verb, { ADMIN_TOKEN, PORT: String(server.port) });
    expect([verb, code, err]).toEqual([verb, 0, '']);
  }
  // Operators have a door of their own there.
  const ports = ['--port', String(apart.port), '--set', `admin.port=${apart.running.adminPort}`];
  const { code, err } = await signalbox(['nodes', ...ports], { ADMIN_TOKEN });
  expect([code, err]).toEqual([0, '']);
  const elsewhere = await signalbox(['nodes', '--port', '1'], { ADMIN_TOKEN });
  expect(elsewhere.err).toContain('expected a server at http://127.0.0.1:1, got');
});

test('connections and topics: lists, one in detail, closing one; --json is the answer of the endpoint', async () => {
  const server = await startServer({ 'admin.token': ADMIN_TOKEN });
  const alice = await connect(server.port);
  await alice.subscribe('chat.lobby');
  await alice.publish('chat.lobby', 'a secret');
  const id = alice.connected.connection_id;
  const list = await run(server, 'connections');
  expect(list.out).toMatch(/^id +user +format/);
  expect(list.out).toContain(`${id}  alice  json    open`);
  expect(list.out).toContain('1 of 1 connections of test-node');
  const shown = await run(server, 'connections', 'show', id);
  expect(shown.out).toMatch(/chat\.lobby +live +1 +1 +0 +0 +none/);
  expect(shown.out).not.toContain('a secret');
  const topics = await run(server, 'topics', '--json');
  expect(JSON.parse(topics.out)).toEqual((await new Admin(server.port).get('/admin/topics?limit=20')).body);
  expect((await run(server, 'connections', 'show', 'nobody')).code).toBe(1);
  expect((await run(server, 'connections', 'close', id)).code).toBe(0);
  expect((await within(alice.closed, 'the close')).code).toBe(4009);
});

test('a wrong token, no token and no server end with 1 or 2 and say why', async () => {
  const server = await startServer({ 'admin.token': ADMIN_TOKEN });
  const wrong = await signalbox(['topics', '--url', server.url, '--token', 'wrong'], {});
  expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('refused (401 token_invalid)')]);
  const none = await signalbox(['topics', '--url', 'http://192.0.2.1:1'], {});
  expect([none.code, none.err]).toEqual([
    2,
    expect.stringContaining('expected --token, ADMIN_TOKEN or ADMIN_TOKEN_FILE'),
  ]);
  const nobody = await signalbox(['topics', '--url', 'http://127.0.0.1:9'], { ADMIN_TOKEN });
  expect([nobody.code, nobody.err]).toEqual([1, expect.stringContaining('expected a server at http://127.0.0.1:9')]);
});

test('nodes, trace and drain', async () => {
  const ended = Promise.withResolvers<string>();
  const server = await startServer({ 'admin.token': ADMIN_TOKEN }, [], (reason) => ended.resolve(reason));
  const alice = await connect(server.port);
  await alice.subscribe('chat.lobby');
  expect((await run(server, 'nodes')).out).toMatch(
    /^node +instance[^]*\ntest-node +\S+ +127\.0\.0\.1:\d+ +\S+ +running +1\n/,
  );
  expect((await run(server, 'trace', 'list')).out).toBe('no topic is traced\n');
  expect((await run(server, 'trace', 'on', 'chat.**', '--ttl', '1h')).code).toBe(0);
  expect((await run(server, 'trace', 'list')).out).toMatch(/^chat\.\*\*, until 20/);
  const { data } = await alice.publish('chat.lobby', 'x');
  await alice.take(1);
  const id = data.id ?? '';
  expect((await run(server, 'trace', id)).out).toMatch(new RegExp(`message +${id}[^]*alice on \\S+: written`));
  expect((await run(server, 'why', id, '--user', 'nobody')).out).toMatch(/^nobody /);
  expect((await run(server, 'trace', 'off', 'chat.**')).code).toBe(0);
  expect((await run(server, 'trace', 'off', 'chat.**')).code).toBe(1);
  expect((await run(server, 'drain', '--dry-run')).out).toContain('would touch 1 connections');
  expect((await run(server, 'drain')).code).toBe(0);
  expect(await within(ended.promise, 'the drain')).toBe('drain');
});
