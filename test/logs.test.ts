/** The log of a real server: every line for machines, enough in it to follow a connection and a message, and no token. */
import { describe, expect, test } from 'vitest';
import { connect, dial } from './harness/client.ts';
import { within } from './harness/deadline.ts';
import { spawnServer, startProcess, type LogLine } from './harness/process.ts';
import { handshake } from './harness/raw.ts';
import { SECRET, tokenOf } from './harness/tokens.ts';

const ENVIRONMENT = { LOG_LEVEL: 'info,connection=debug,router=debug' };
const TOPIC = 'chat.lobby';

/** `jq 'select(…)'` */
function select(lines: readonly LogLine[], fields: Partial<LogLine>): LogLine[] {
  const wanted = Object.entries(fields);
  return lines.filter((line) => wanted.every(([key, value]) => line[key as keyof LogLine] === value));
}

/** `jq -s 'group_by(.targets) | map({targets, count, avg_duration})'` */
function routing(lines: readonly LogLine[]): { targets: number; count: number; average: number }[] {
  const groups = Map.groupBy(select(lines, { message: 'Message routed' }), (line) => line.target_count ?? Number.NaN);
  return [...groups].map(([targets, group]) => ({
    targets,
    count: group.length,
    average: group.reduce((sum, { duration_ms: ms = Number.NaN }) => sum + ms, 0) / group.length,
  }));
}

test('L-35: every line is JSON with level, time, message, node and room', async () => {
  const server = await startProcess([], ENVIRONMENT);
  const client = await connect(server.port);
  await client.subscribe(TOPIC);
  await client.publish(TOPIC, 'hello');
  await client.close();
  expect(await server.end()).toBe(0);
  const lines = server.lines();
  for (const line of lines) {
    expect(['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR']).toContain(line.level);
    expect(line.message).toMatch(/\S/);
    expect(line.target).toMatch(/^signalbox::[a-z_]+$/);
    expect(line.node).toBe('test-node');
    expect(new Date(line.timestamp).toISOString()).toBe(line.timestamp);
  }
  const rooms = new Set(lines.filter(({ level }) => level === 'DEBUG').map(({ target }) => target));
  expect(rooms).toEqual(new Set(['signalbox::connection', 'signalbox::router']));
  expect(server.errors).toBe('');
});

describe('the queries of the guide', () => {
  test('one connection from its beginning to its end', async () => {
    const server = await startProcess([], ENVIRONMENT);
    const [one, other] = [await connect(server.port), await connect(server.port, { user: 'bob' })];
    await one.close();
    for (let at = 0; at < 20; at += 1) other.sendRaw('?');
    await within(other.closed, 'the close');
    await server.end();
    const lines = server.lines();
    expect(select(lines, { level: 'ERROR', target: 'signalbox::connection' })).toEqual([]);
    const story = (id: string): unknown[] =>
      select(lines, { connection_id: id }).map(({ message, target }) => [target, message]);
    expect(story(one.connected.connection_id)).toEqual([
      ['signalbox::connection', 'Connection opened'],
      ['signalbox::connection', 'Connection closed'],
    ]);
    expect(story(other.connected.connection_id)).toEqual([
      ['signalbox::connection', 'Connection opened'],
      ['signalbox::connection', 'Closing connection'],
      ['signalbox::connection', 'Connection closed'],
    ]);
    expect(select(lines, { connection_id: other.connected.connection_id })).toEqual([
      expect.objectContaining({ user: 'bob', format: 'json' }),
      expect.objectContaining({ code: 4010, reason: 'too_many_errors' }),
      expect.anything(),
    ]);
    for (const line of lines.filter(({ target }) => target === 'signalbox::connection'))
      expect(line.connection_id).toMatch(/^test-node-/);
  });

  test('how messages were routed, by number of targets', async () => {
    const server = await startProcess([], ENVIRONMENT);
    const publisher = await connect(server.port);
    const readers = await Promise.all(['b', 'c', 'd'].map((user) => connect(server.port, { user })));
    for (const reader of readers) await reader.subscribe(TOPIC);
    await readers[0]?.subscribe('chat.small');
    const acks = await publisher.publishAll(TOPIC, ['one', 'two']);
    acks.push(...(await publisher.publishAll('chat.small', ['three'])));
    await server.end();
    const lines = server.lines();
    const routed = select(lines, { message: 'Message routed' });
    expect(routed.map((line) => [line.message_id, line.target_count])).toEqual(
      acks.map(({ data }, at) => [data.id, at < 2 ? 3 : 1]),
    );
    for (const { target, duration_ms: ms } of routed) {
      expect(target).toBe('signalbox::router');
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThan(1_000);
    }
    expect(routing(lines).map(({ targets, count }) => [targets, count])).toEqual([
      [3, 2],
      [1, 1],
    ]);
    expect(routing(lines).every(({ average }) => Number.isFinite(average))).toBe(true);
  });
});

test('LOG_FORMAT=pretty is for reading', async () => {
  const server = spawnServer([], { JWT_SECRET: SECRET, LOG_FORMAT: 'pretty' });
  const [line] = await server.printed(/^.*Serving.*$/m);
  expect(line).toMatch(/^\[\d\d:\d\d:\d\d\.\d+\] INFO: signalbox::cli: Serving$/);
  server.signal('SIGKILL');
  await server.exited;
  expect(() => server.lines()).toThrow('JSON');
});

test('no token is in the log, wherever it came from and whatever became of it', async () => {
  const server = await startProcess([], { LOG_LEVEL: 'trace' });
  const good = await Promise.all(['alice', 'bob', 'carol'].map((user) => tokenOf(user)));
  const bad = await Promise.all([
    tokenOf('alice', { secret: 'wrong' }),
    tokenOf('alice', { expiresIn: -500 }),
    tokenOf('alice', { claims: { exp: undefined } }),
    Promise.resolve('not-a-token-but-a-secret-of-somebody'),
    Promise.resolve(`${'k'.repeat(9_000)}.token.too-long`),
  ]);
  const places = (token: string): { headers: Record<string, string>; path: string }[] => [
    { headers: { Authorization: `Bearer ${token}` }, path: '/ws' },
    { headers: { 'Sec-WebSocket-Protocol': `signalbox.json, access_token.${token}` }, path: '/ws' },
    { headers: {}, path: `/ws?token=${token}` },
    { headers: {}, path: `/ws?refuse=close&token=${token}` },
    { headers: {}, path: `/nowhere?token=${token}` },
  ];
  for (const token of [...good, ...bad])
    for (const { headers, path } of places(token)) await handshake(server.port, headers, path);
  const client = await connect(server.port);
  for (const token of bad) {
    client.sendRaw(`{"type":"Authenticate","data":{"token":"${token}"`);
    expect((await client.next('Error')).data.message).not.toContain(token.slice(0, 30));
    expect((await client.ask('Authenticate', { token })).data.code).toBe(401);
  }
  expect((await client.ask('Authenticate', { token: await tokenOf('alice') })).data.status).toBe('authenticated');
  await client.ask('Authenticate', { token: good[1] });
  expect((await within(client.closed, 'the close')).code).toBe(4003);
  const refused = await dial(server.port, { token: bad[0] ?? '', query: { refuse: 'close' } });
  await within(refused.closed, 'the close');
  await server.end();

  expect(server.lines().length).toBeGreaterThan(20);
  const printed = server.output + server.errors;
  for (const token of [...good, ...bad]) {
    // No part of it either: the claims name people, and a signature is half of a forgery.
    for (const part of token.split('.').filter(({ length }) => length >= 20))
      expect(printed.includes(part), part.slice(0, 40)).toBe(false);
  }
  expect(printed).not.toContain('access_token');
});
