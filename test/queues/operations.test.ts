/** What operators see of queues and do with them: health, metrics, routes, verbs, doctor. */
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../harness/deadline.ts';
import { signalbox, startProcess } from '../harness/process.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { freePort } from '../harness/free-port.ts';
import { lettersApp, type Post } from './letters.ts';

const ADMIN = 'an-admin-token-for-the-tests-of-queues';
const AS_ADMIN = { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' };

async function send(url: string, to: string, text: string): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  return (await fetch(`${url}/api/letters`, { method: 'POST', headers, body: JSON.stringify({ to, text }) })).status;
}

async function admin(url: string, path: string, body?: object): Promise<readonly [number, Record<string, unknown>]> {
  const given = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`${url}/admin/queues${path}`, { headers: AS_ADMIN, ...given });
  return [response.status, (await response.json()) as Record<string, unknown>];
}

const POISON: Post = { deliver: async (to) => (to === 'nobody' ? 'unknown address' : 'sent') };

async function withDeadLetters(count: number, settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const server = await startServer({ 'admin.token': ADMIN, ...settings }, [lettersApp(POISON)]);
  for (let at = 0; at < count; at += 1) expect(await send(server.url, 'nobody', `${at}`)).toBe(202);
  await eventually(async () => {
    const [, body] = await admin(server.url, '');
    return (body['queues'] as readonly { readonly dead: number }[])[0]?.dead === count;
  }, 'the dead letters');
  return server;
}

test('W-31, W-32: queues are listed, dead letters replayed once in a while, and a purge wants the name once more', async () => {
  const { url } = await withDeadLetters(3);
  const row = { queue: 'letters', ready: 0, unacknowledged: 0, later: 0, dead: 3 };
  const common = { node: 'test-node', kind: 'memory', trouble: null, problem: null };
  expect(await admin(url, '')).toEqual([200, { ...common, queues: [row] }]);
  const [, { dead_letters: letters, total }] = await admin(url, '/dead?queue=letters&limit=2');
  expect(total).toBe(3);
  expect(letters).toMatchObject([
    { reason: 'unknown address', attempt: 1, body: { text: '2' } },
    { body: { text: '1' } },
  ]);
  expect(await admin(url, '/replay', { queue: 'letters', limit: 2 })).toEqual([200, { queue: 'letters', replayed: 2 }]);
  expect(await admin(url, '/replay', { queue: 'letters' })).toMatchObject([429, { error: { reason: 'rate_limited' } }]);
  const purge = { queue: 'letters', what: 'dead' };
  expect(await admin(url, '/purge', { ...purge, confirm: 'other' })).toMatchObject([
    400,
    { error: { reason: 'invalid_field' } },
  ]);
  await eventually(
    async () => (await admin(url, '/dead?queue=letters'))[1]['total'] === 3,
    'the replayed to be dead again',
  );
  expect(await admin(url, '/purge', { ...purge, confirm: 'letters' })).toEqual([200, { queue: 'letters', purged: 3 }]);
  expect(await admin(url, '/purge', { ...purge, what: 'waiting', confirm: 'letters' })).toMatchObject([
    200,
    { purged: 0 },
  ]);
});

test('bad questions are refused, and without the token nobody asks', async () => {
  const { url } = await withDeadLetters(0);
  expect((await fetch(`${url}/admin/queues`)).status).toBe(401);
  expect(await admin(url, '/dead?queue=other')).toMatchObject([404, { error: { reason: 'not_found' } }]);
  expect(await admin(url, '/dead?queue=letters&limit=0')).toMatchObject([400, { error: { reason: 'invalid_field' } }]);
  expect((await admin(url, '/replay', { queue: 'letters', ids: [] }))[0]).toBe(400);
  expect((await admin(url, '/replay', { queue: 'letters', more: 1 }))[0]).toBe(400);
});

test('W-39: metrics tell depth, outcomes, how long handlers take and how long messages wait', async () => {
  const server = await withDeadLetters(2);
  expect(await send(server.url, 'ada', 'hello')).toBe(202);
  await eventually(async () => {
    const handled = await server.samples('signalbox_queue_handled_total');
    return handled.reduce((sum, { value }) => sum + value, 0) === 3;
  }, 'the letters to be counted');
  expect(await server.samples('signalbox_queue_up')).toEqual([{ kind: 'memory', value: 1 }]);
  const text = await (await server.get('/metrics')).text();
  expect(text).toContain('signalbox_queue_handled_total{queue="letters",outcome="dead"} 2');
  expect(text).toContain('signalbox_queue_puts_total{queue="letters",outcome="taken"} 3');
  expect(text).toMatch(/signalbox_queue_handling_seconds_count\{queue="letters"\} 3/);
  expect(text).toMatch(/signalbox_queue_waiting_seconds_count\{queue="letters"\} 3/);
});

test('W-01, W-02, W-03: a broker that is away is named by health, puts are refused, and topics go on', async () => {
  const url = `amqp://guest:secret-of-the-broker@127.0.0.1:${await freePort()}`;
  const server = await startServer({ 'admin.token': ADMIN, 'queue.url': url }, [lettersApp(POISON)]);
  const away = { queues: 'rabbitmq', queue_state: 'starting' };
  const health = await server.get('/health');
  expect([health.status, await health.json()]).toMatchObject([503, { status: 'unhealthy', ...away }]);
  const ready = await server.get('/health/ready');
  expect([ready.status, await ready.json()]).toMatchObject([503, { ready: false, ...away }]);
  expect((await server.get('/health/live')).status).toBe(200);
  expect(await send(server.url, 'ada', 'x')).toBe(503);
  await eventually(
    async () => String((await admin(server.url, ''))[1]['problem']).includes('ECONNREFUSED'),
    'the reason',
  );
  const [, body] = await admin(server.url, '');
  expect(body).toMatchObject({ kind: 'rabbitmq', trouble: 'starting', queues: [{ queue: 'letters', ready: null }] });
  expect(JSON.stringify(body)).not.toContain('secret-of-the-broker');
});

test('the verbs and the doctor say it, of a server with Redis', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.end());
  const module = fileURLToPath(new URL('./poisoned.ts', import.meta.url));
  const environment = { REDIS_URL: redis.url, ADMIN_TOKEN: ADMIN };
  const server = await startProcess(['--set', `apps.modules=${module}`], environment);
  onTestFinished(() => server.signal('SIGKILL'));
  const url = `http://127.0.0.1:${server.port}`;
  for (const text of ['one', 'two']) expect(await send(url, 'nobody', text)).toBe(202);
  const run = (...words: readonly string[]): ReturnType<typeof signalbox> =>
    signalbox([...words, '--url', url], { ADMIN_TOKEN: ADMIN });
  await eventually(
    async () => (await run('queues', 'list')).out.includes('letters  0      0               0      2'),
    'two dead',
  );
  expect((await run('queues', 'list')).out).toContain('kept in redis');
  const { out } = await run('queues', 'dead', 'letters');
  expect(out).toContain('unknown address');
  expect(out).toContain('2 of 2 dead letters of letters');
  expect((await run('queues', 'purge', 'letters')).err).toContain('expected --yes');
  await eventually(
    async () => (await run('doctor', '--only', 'queue.dead')).out.includes('2 messages of letters were given up'),
    'the doctor to know',
  );
  expect((await run('queues', 'replay', 'letters', '--limit', '1')).out).toContain('1 messages are back in letters');
  expect((await run('queues', 'purge', 'letters', '--dead', '--yes')).out).toMatch(
    /[12] messages of letters are dropped/,
  );
}, 120_000);
