/** Another server than a Signalbox, a host that says nothing, a wrong token, half of a cluster: the verb names each within five seconds. */
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { ownTimer } from '../harness/own-time.ts';
import { startProcess } from '../harness/process.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startServer } from '../harness/server.ts';
import { SECRET, tokenOf } from '../harness/tokens.ts';
import { verbHere } from '../harness/verb-here.ts';

/** Of five seconds the start of a process takes half a one. */
const MOST_MS = 4_500;

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Every check, with the time that it took. */
async function doctor(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<string> {
  const elapsed = ownTimer();
  const { code, out } = await verbHere(['doctor', ...args], { JWT_SECRET: SECRET, ADMIN_TOKEN, ...environment });
  expect(elapsed()).toBeLessThan(MOST_MS);
  expect(code).toBe(1);
  return out;
}

test('something that is no Signalbox', async () => {
  const port = await portOf(createHttpServer((_, response) => response.end('<html>It works!</html>')));
  const out = await doctor(['--url', `http://127.0.0.1:${port}`, '--url', `ws://127.0.0.1:${port}/ws`]);
  expect(out).toMatch(/^fail {2}nodes\.reached .* answers 200, and not as the administration of a Signalbox/m);
  expect(out).toMatch(/^fail {2}way\.handshake /m);
});

test('a host that takes connections and says nothing, as node, as way and as Redis', async () => {
  const port = await portOf(createServer(() => {}));
  const urls = ['--url', `http://127.0.0.1:${port}`, '--url', `ws://127.0.0.1:${port}/ws`];
  const tokens = ['--token', await tokenOf('alice'), '--page', 'https://example.com'];
  const out = await doctor([...urls, ...tokens], { REDIS_URL: `redis://127.0.0.1:${port}` });
  for (const check of ['nodes.reached', 'way.handshake', 'redis.condition'])
    expect(out).toMatch(new RegExp(`^fail {2}${check.replace('.', String.raw`\.`)} `, 'm'));
  expect(out).not.toContain('no answer within 3.7 s');
});

test('a dead host: nobody listens there', async () => {
  expect(await doctor(['--url', 'http://127.0.0.1:9'])).toMatch(/^fail {2}nodes\.reached +nobody answers/m);
});

test('a wrong token', async () => {
  const { url } = await startServer({ 'admin.token': ADMIN_TOKEN });
  const out = await doctor(['--url', url], { ADMIN_TOKEN: 'a wrong token' });
  expect(out).toMatch(/^fail {2}nodes\.reached .* refuses the admin token: 401 token_invalid/m);
});

test('half a cluster: one of two nodes is stopped', async () => {
  const redis = await startRedis();
  const shared = { 'admin.token': ADMIN_TOKEN, 'redis.url': redis.url };
  const { url } = await startServer({ ...shared, 'server.node_name': 'a' });
  const b = await startProcess(['--set', 'server.node_name=b'], { REDIS_URL: redis.url, ADMIN_TOKEN });
  b.signal('SIGSTOP');
  const out = await doctor(['--url', url], { REDIS_URL: redis.url });
  expect(out).toMatch(/^fail {2}nodes\.present +not all nodes answer: b /m);
  b.signal('SIGKILL');
});
