/** A node that is blocked or busy, a handler that throws, a heap that is full, clients that are refused: what doctor says of each. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { expect, onTestFinished, test } from 'vitest';
import { ACTOR_CHECKS } from '../../src/doctor/checks/actors/all.ts';
import { COST_CHECKS } from '../../src/doctor/checks/cost/all.ts';
import { DELIVERY_CHECKS } from '../../src/doctor/checks/deliveries/all.ts';
import { LIMIT_CHECKS } from '../../src/doctor/checks/limits/all.ts';
import { LOAD_CHECKS } from '../../src/doctor/checks/load/all.ts';
import type { Check } from '../../src/doctor/check.ts';
import { examine } from '../../src/doctor/examine.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import type { App } from '../../src/index.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { appOf } from '../harness/apps.ts';
import { connect } from '../harness/client.ts';
import { patient } from '../harness/patient.ts';
import { spawnServer } from '../harness/process.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { named } from '../harness/symptoms.ts';
import { SECRET } from '../harness/tokens.ts';

const saying = (level: string, says: RegExp): object => ({ level, says: expect.stringMatching(says) as string });

function start(settings: Readonly<Record<string, string>> = {}, apps: readonly App[] = []): Promise<TestServer> {
  return startServer({ 'admin.token': ADMIN_TOKEN, ...settings }, apps);
}

async function of(checks: readonly Check[], { url }: TestServer): Promise<ReadonlyMap<string, Finding>> {
  const { findings } = await examine(checks, await patient({ url }), systemScheduler);
  return new Map(findings.map((finding) => [finding.check, finding]));
}

test('a node that does nothing is well in every respect', async () => {
  const node = await start();
  const findings = await of([...LOAD_CHECKS, ...DELIVERY_CHECKS, ...ACTOR_CHECKS, ...LIMIT_CHECKS], node);
  for (const name of ['deliveries.unaccounted', 'deliveries.gaps', 'actors.failures', 'limits.refused', 'load.flush'])
    expect(findings.get(name)?.level ?? 'ok').toBe('ok');
  expect(findings.get('load.mailboxes')).toMatchObject(saying('ok', /0 messages wait/));
});

test('an event loop that is blocked', async () => {
  const node = await start();
  // The histogram looks again and again before it is blocked.
  await new Promise((resolve) => {
    setTimeout(resolve, 100);
  });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_300);
  const { line } = await named('loop-blocked', { node: node.url });
  expect(line).toMatch(/ms \(p99\), \d+(?:\.\d)? ms at most/);
});

test('an event loop that does nothing but work, which is no matter of blocks: each piece is short', async () => {
  const node = await start();
  const end = performance.now() + 1_500;
  while (performance.now() < end) {
    const pieceEnd = performance.now() + 5;
    while (performance.now() < pieceEnd);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  // By a process, which takes half a second, it is idle meanwhile.
  const { cure } = await named('cpu-high', { node: node.url, isHere: true });
  expect(cure).toContain('POST /admin/profile');
});

test('garbage collection that takes the time', async () => {
  const node = await start();
  const collected = { ms: 0 };
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) collected.ms += duration;
  });
  observer.observe({ entryTypes: ['gc'] });
  onTestFinished(() => observer.disconnect());
  const kept: unknown[] = [];
  // What lives a while and then dies is what collections work for. Until they have taken so long, whatever else the machine does.
  for (let at = 0; collected.ms < 1_500; at += 1) {
    kept[at % 200_000] = Array.from({ length: 20 }, (_, n) => ({ n }));
    if (at % 20_000 === 0)
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
  }
  await named('garbage-collection', { node: node.url, isHere: true });
});

test('a heap that an application fills', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-heap-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const module = join(folder, 'leaks.mjs');
  writeFileSync(
    module,
    `import { getHeapStatistics } from 'node:v8';
    const kept = [];
    const full = () => getHeapStatistics().used_heap_size / getHeapStatistics().heap_size_limit;
    export const app = { name: 'leaks', start: () => { while (full() < 0.78) kept.push(new Array(1e5).fill(1.5)); return {}; } };`,
  );
  const environment = { JWT_SECRET: SECRET, ADMIN_TOKEN, NODE_OPTIONS: '--max-old-space-size=200' };
  const node = spawnServer(['--set', `apps.modules=${module}`], environment);
  await node.serving();
  await named('memory-high', { node: `http://127.0.0.1:${node.port}` });
  await node.end();
});

test('what throws is named by its kind and its place, without what it said', async () => {
  const broken = appOf('broken', (host) => ({
    frames: {
      'X-Break': host.frame({
        schema: (z) => z.unknown(),
        handle: () => {
          throw new TypeError('what alice says');
        },
      }),
    },
  }));
  const node = await start({}, [broken]);
  const client = await connect(node.port, { user: 'alice' });
  for (let count = 0; count < 3; count += 1) await client.ask('X-Break', {});
  const { line } = await named('actor-restarts', { node: node.url });
  expect(line).toMatch(/3 times TypeError at load\.test\.ts:\d+ in app:broken/);
  expect(line).not.toContain('what alice says');
});

test('who is refused by rates is named', async () => {
  const node = await start({ 'rate_limiting.user_rps': '1', 'rate_limiting.user_burst': '20' });
  const client = await connect(node.port, { user: 'mallory' });
  for (let count = 0; count < 30; count += 1) await client.publish('chat.lobby', count);
  await named('rate-limited', { node: node.url });
});

test('a client that is cut off for a message that is too large', async () => {
  const node = await start({ 'websocket.max_message_size': '2000' });
  const client = await connect(node.port, { user: 'mallory' });
  client.sendRaw('x'.repeat(8_001));
  await client.closed;
  const { line } = await named('message-too-large', { node: node.url });
  expect(line).toContain('1 connections were cut off');
});

test('what costs most, and a proxy that is not trusted', async () => {
  const node = await start({ 'rate_limiting.enabled': 'true' });
  const clients = await Promise.all(Array.from({ length: 101 }, (_, at) => connect(node.port, { user: `user-${at}` })));
  for (const client of clients.slice(0, 3)) await client.subscribe('chat.busy', 'room.*');
  await clients[0]?.publish('chat.busy', 'a text');
  const findings = await of(COST_CHECKS, node);
  expect(findings.get('cost.topics')).toMatchObject(saying('ok', /^most deliveries: chat\.busy 3/));
  expect(findings.get('cost.users')).toMatchObject(saying('ok', /^most tokens of rates: user-0 \d/));
  expect(findings.get('cost.patterns')).toMatchObject(saying('ok', /^the widest pattern is room\.\*/));
  expect(findings.get('cost.addresses')).toMatchObject({
    ...saying('warn', /127\.0\.0\.1 has 100 % of the ten/),
    cure: expect.stringContaining('server.trusted_proxies') as string,
  });
});
