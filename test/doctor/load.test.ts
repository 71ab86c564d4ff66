/** A node that is blocked, a handler that throws, clients that are refused and told of losses: what doctor says of each. */
import { expect, test } from 'vitest';
import { ACTOR_CHECKS } from '../../src/doctor/checks/actors/all.ts';
import { APP_CHECKS } from '../../src/doctor/checks/apps/all.ts';
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
import { startServer, type TestServer } from '../harness/server.ts';

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
  const findings = await of(LOAD_CHECKS, node);
  expect(findings.get('load.loop')?.level).not.toBe('ok');
  expect(findings.get('load.loop')?.says).toMatch(/late by .* ms at most/);
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
  const finding = (await of(ACTOR_CHECKS, node)).get('actors.failures');
  expect(finding).toMatchObject(saying('warn', /3 times TypeError at load\.test\.ts:\d+ in app:broken/));
  expect(JSON.stringify(finding)).not.toContain('what alice says');
});

test('who is refused by rates is named', async () => {
  const node = await start({ 'rate_limiting.user_rps': '1', 'rate_limiting.user_burst': '20' });
  const client = await connect(node.port, { user: 'mallory' });
  for (let count = 0; count < 30; count += 1) await client.publish('chat.lobby', count);
  expect((await of(LIMIT_CHECKS, node)).get('limits.refused')).toMatchObject(
    saying('warn', /\d+ by the rate of the user; most often of mallory \(\d+\)/),
  );
});

test('losses that clients were told of', async () => {
  const node = await start();
  const client = await connect(node.port, { user: 'alice' });
  await client.publish('chat.lobby', 'a text');
  await client.subscribe({ topic: 'chat.lobby', epoch: 'another', sequence: 5 });
  await client.next('Gap');
  expect((await of(DELIVERY_CHECKS, node)).get('deliveries.gaps')).toMatchObject(
    saying('warn', /1 times a client was told that it missed messages \(Gap, cause \w+\)/),
  );
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

test('an application that is not well says why', async () => {
  const ill = appOf('media', () => ({
    health: () => ({ status: 'degraded', detail: 'uploads are refused: the disk is full' }),
  }));
  const node = await start({}, [ill]);
  expect((await of(APP_CHECKS, node)).get('apps.health')).toMatchObject({
    ...saying('warn', /media is degraded: uploads are refused: the disk is full/),
    cure: expect.stringContaining('apps.media.folder') as string,
  });
});
