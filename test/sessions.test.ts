/** `signalbox sessions`: backed up, lost and restored, without ever putting an older state over a newer one. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { signalbox, type Outcome } from './harness/process.ts';
import { startRedis, type RedisServer } from './harness/redis-server.ts';
import { smallDisk } from './harness/small-disk.ts';
import { named } from './harness/symptoms.ts';
import { SECRET } from './harness/tokens.ts';

const HOUR = 3_600_000;
const directory = mkdtempSync(join(tmpdir(), 'signalbox-sessions-'));
const file = (name: string): string => join(directory, name);
afterAll(() => rmSync(directory, { recursive: true }));

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
beforeEach(() => redis.redis.flushall());

const keyOf = (id: string): string => `signalbox:session:{${id}}`;
const sessionOf = (id: string, savedAt: number): Record<string, unknown> => ({
  id,
  tenant: '',
  user: 'alice',
  subscriptions: ['chat.lobby', 'room.*'],
  positions: { 'chat.lobby': { epoch: 'e', sequence: 7 } },
  savedAt,
});

function run(...args: string[]): Promise<Outcome> {
  return signalbox(['sessions', ...args], { REDIS_URL: redis.url, JWT_SECRET: SECRET });
}

async function stored(id: string): Promise<unknown> {
  const text = await redis.redis.get(keyOf(id));
  return text === null ? null : JSON.parse(text);
}

test('what is backed up is restored, with its time renewed', async () => {
  const ids = Array.from({ length: 1_500 }, (_, at) => `s-${at}`);
  // Longer than the backup takes, and shorter than they live from then on.
  const pipeline = redis.redis.pipeline();
  for (const id of ids) pipeline.set(keyOf(id), JSON.stringify(sessionOf(id, 1_000)), 'PX', HOUR / 2);
  await pipeline.exec();
  const backup = await run('backup', file('all.ndjson'));
  expect(backup).toMatchObject({ code: 0, out: `1500 sessions written to ${file('all.ndjson')}\n` });
  const lines = readFileSync(file('all.ndjson'), 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { id: string }).id).toSorted()).toEqual(ids.toSorted());
  await redis.redis.flushall();
  const { code, out } = await run('restore', file('all.ndjson'));
  expect([code, out]).toEqual([0, '1500 sessions restored, 0 left alone because Redis has a newer one, 0 invalid\n']);
  expect(await stored('s-7')).toEqual(sessionOf('s-7', 1_000));
  expect(await redis.redis.pttl(keyOf('s-7'))).toBeGreaterThan(HOUR - 60_000);
});

const disk = smallDisk('64k');
afterAll(() => disk?.remove());

test.skipIf(disk === null)('the disk of the backup is full: said, and the earlier backup stays', async () => {
  const [folder, kept] = [disk?.folder ?? '', 'an earlier backup'];
  writeFileSync(join(folder, 'all.ndjson'), kept);
  const pipeline = redis.redis.pipeline();
  for (let at = 0; at < 2_000; at += 1) pipeline.set(keyOf(`s-${at}`), JSON.stringify(sessionOf(`s-${at}`, 1_000)));
  await pipeline.exec();
  const values = { FILE: join(folder, 'all.ndjson') };
  await named('backup-disk-full', { values, environment: { REDIS_URL: redis.url } });
  expect(readFileSync(join(folder, 'all.ndjson'), 'utf8')).toBe(kept);
  expect(readdirSync(folder)).toEqual(['all.ndjson']);
});

test('how far it is, is shown', async () => {
  const ids = Array.from({ length: 10_000 }, (_, at) => `s-${at}`);
  writeFileSync(file('many.ndjson'), ids.map((id) => JSON.stringify(sessionOf(id, 1_000))).join('\n'));
  expect((await run('restore', file('many.ndjson'))).err).toContain('10000 sessions read');
  expect((await run('backup', file('many.ndjson'))).err).toMatch(/^10000 sessions written/m);
});

test('a value that is no session does not stop a backup: it is named, and the others are there', async () => {
  await redis.redis.set(keyOf('good'), JSON.stringify(sessionOf('good', 1_000)));
  await redis.redis.set(keyOf('broken'), 'not JSON');
  await redis.redis.set(keyOf('nobody'), '{"id":"nobody"}');
  const { code, out, err } = await run('backup', file('rest.ndjson'));
  expect([code, out]).toEqual([1, `1 sessions written to ${file('rest.ndjson')}, 2 that are none left out\n`]);
  expect(err).toContain('signalbox:session:{broken}: ');
  expect(err).toContain('signalbox:session:{nobody}: expected user');
  expect(readFileSync(file('rest.ndjson'), 'utf8')).toContain('"good"');
});

test('a newer session is left alone', async () => {
  await redis.redis.set(keyOf('newer'), JSON.stringify(sessionOf('newer', 2_000)));
  await redis.redis.set(keyOf('older'), JSON.stringify(sessionOf('older', 500)));
  await redis.redis.set(keyOf('broken'), 'not JSON');
  const entries = ['newer', 'older', 'broken'].map((id) => JSON.stringify(sessionOf(id, 1_000)));
  writeFileSync(file('some.ndjson'), entries.join('\n'));
  const { code, out } = await run('restore', file('some.ndjson'));
  expect([code, out]).toEqual([0, '2 sessions restored, 1 left alone because Redis has a newer one, 0 invalid\n']);
  expect(await stored('newer')).toMatchObject({ savedAt: 2_000 });
  expect(await stored('older')).toMatchObject({ savedAt: 1_000 });
  expect(await stored('broken')).toMatchObject({ savedAt: 1_000 });
});

test('a JSON array of other names is restored too', async () => {
  const entries = [
    { session_id: 'a', user_id: 'alice', topics: ['chat.lobby'], timestamp: '2026-01-02T03:04:05Z' },
    { id: 'b', user: 'bob' },
  ];
  writeFileSync(file('sessions.json'), `\n  ${JSON.stringify(entries, null, 2)}`);
  expect(await run('restore', file('sessions.json'))).toMatchObject({ code: 0 });
  expect(await stored('a')).toEqual({
    id: 'a',
    tenant: '',
    user: 'alice',
    subscriptions: ['chat.lobby'],
    positions: {},
    savedAt: Date.parse('2026-01-02T03:04:05Z'),
  });
  expect(await stored('b')).toMatchObject({ user: 'bob', subscriptions: [], savedAt: 0 });
});

test('what is not a session is told by its place, and the others are restored', async () => {
  const lines = [
    '{"id":"good","user":"u"}',
    '{"id":"","user":"u"}',
    'no JSON',
    '{"id":"x"}',
    '[1]',
    '{"id":"y","user":"u","positions":{"t":{"epoch":1}}}',
  ];
  writeFileSync(file('bad.ndjson'), lines.join('\n'));
  const { code, out, err } = await run('restore', file('bad.ndjson'));
  expect(code).toBe(1);
  expect(out).toContain('1 sessions restored, 0 left alone because Redis has a newer one, 5 invalid');
  for (const problem of [
    'line 2: expected id',
    'line 3: ',
    'line 4: expected user',
    'line 5: expected an object',
    'line 6: expected positions',
  ])
    expect(err).toContain(problem);
  expect(await stored('good')).toMatchObject({ user: 'u' });
});

test('a wrong command line is told, and so is a Redis that is not there', async () => {
  expect(await run('destroy', 'x')).toMatchObject({ code: 2 });
  expect(await run('backup')).toMatchObject({ code: 2 });
  const without = await signalbox(['sessions', 'backup', file('x')], { JWT_SECRET: SECRET });
  expect(without).toMatchObject({ code: 2 });
  expect(without.err).toContain('redis.url');
  await named('backup-fails', {
    values: { FILE: file('x') },
    settings: { 'redis.connect_timeout_ms': '100' },
    environment: { REDIS_URL: 'redis://127.0.0.1:1' },
  });
});

test('a backup that was cut when it was copied: what is whole is restored, and the rest is named', async () => {
  await redis.redis.set(keyOf('good'), JSON.stringify(sessionOf('good', 1_000)), 'PX', HOUR);
  await redis.redis.set(keyOf('more'), JSON.stringify(sessionOf('more', 1_000)), 'PX', HOUR);
  expect(await run('backup', file('cut.ndjson'))).toMatchObject({ code: 0 });
  writeFileSync(file('cut.ndjson'), readFileSync(file('cut.ndjson')).subarray(0, -20));
  await redis.redis.flushall();
  const { line } = await named('backup-corrupt', {
    values: { FILE: file('cut.ndjson') },
    environment: { REDIS_URL: redis.url },
  });
  expect(line).toBe('1 sessions restored, 0 left alone because Redis has a newer one, 1 invalid');
});
