/** What operators see. */
import { appOf } from '../harness/apps.ts';
import { describe, expect, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { RawReader } from '../harness/raw-reader.ts';
import { startServer } from '../harness/server.ts';

const TOPIC = 'chat.lobby';
const SETTINGS = { 'admin.token': ADMIN_TOKEN, 'rate_limiting.enabled': 'false' };

type Row = Record<string, unknown>;

describe('connections', () => {
  test('are listed in pages, the worst first', async () => {
    const server = await startServer(SETTINGS);
    const admin = new Admin(server.port);
    const publisher = await connect(server.port, { user: 'bob' });
    const slow = await RawReader.open(server.port, 'slow');
    await slow.ask('Subscribe', { topics: [TOPIC] });
    slow.stopReading();
    const payload = 'secret words '.repeat(2_000);
    await eventually(async () => {
      await publisher.publishAll(TOPIC, [payload, payload, payload, payload]);
      const { body } = await admin.get('/admin/connections?sort=mailbox&limit=1');
      return Number((body['connections'] as Row[])[0]?.['mailbox_messages']) > 10;
    }, 'its mailbox to fill');
    const { body } = await admin.get('/admin/connections?sort=bytes&limit=1');
    expect(body).toMatchObject({ node: 'test-node', total: 2, offset: 0, next_offset: 1, sort: 'bytes' });
    const [worst] = body['connections'] as [Row];
    expect(worst).toMatchObject({ user: 'slow', format: 'json', state: 'open', subscriptions: 1, blocked: true });
    expect(worst['oldest_age_ms']).toBeGreaterThanOrEqual(0);
    const rest = await admin.get('/admin/connections?sort=bytes&limit=1&offset=1');
    expect(rest.body).toMatchObject({ next_offset: null, connections: [{ user: 'bob', mailbox_messages: 0 }] });
    expect((await admin.get('/admin/connections?user=bob')).body).toMatchObject({ total: 1 });

    const detail = await admin.get(`/admin/connections/${String(worst['id'])}`);
    expect(detail.body).toMatchObject({
      user: 'slow',
      address: '127.0.0.1',
      health: { id: worst['id'], mailbox_size: 0, restart_count: 0, last_error: null, error_rate: 0 },
      lanes: { control: { messages: 0 }, socket: { blocked: true } },
      subscriptions: [{ topic: TOPIC, explicit: true, open_gap: null, in_tail: true }],
    });
    const [subscription] = detail.body['subscriptions'] as [{ position: { sequence: number }; queued: number }];
    const entries = detail.body['next_entries'] as Row[];
    expect(entries).toHaveLength(5);
    expect(entries[0]).toMatchObject({
      topic: TOPIC,
      sequence: subscription.position.sequence + 1,
      payload: '[redacted]',
    });
    expect(JSON.stringify(detail.body)).not.toContain('secret words');
  });

  test('that lag are found by sort=lag, with the gap that they will be told', async () => {
    const server = await startServer({ ...SETTINGS, 'actor_system.mailbox_capacity': '10', 'topics.history': '20' });
    const admin = new Admin(server.port);
    const publisher = await connect(server.port, { user: 'bob' });
    const slow = await RawReader.open(server.port, 'slow');
    await slow.ask('Subscribe', { topics: [TOPIC] });
    slow.stopReading();
    let lagging: Row | undefined;
    await eventually(async () => {
      await publisher.publishAll(
        TOPIC,
        Array.from({ length: 20 }, () => 'x'.repeat(30_000)),
      );
      lagging = ((await admin.get('/admin/connections?sort=lag&limit=1')).body['connections'] as Row[])[0];
      return Number(lagging?.['lag']) > 30;
    }, 'it to lag');
    expect(lagging).toMatchObject({ user: 'slow', mailbox_messages: 0 });
    const { body } = await admin.get(`/admin/connections/${String(lagging?.['id'])}`);
    expect(body).toMatchObject({ subscriptions: [{ state: 'lagging', queued: 0 }] });
    expect((await admin.get('/admin/topics')).body).toMatchObject({ topics: [{ topic: TOPIC, lagging: 1 }] });
  });

  test.each(['sort=worst', 'limit=0', 'limit=1001', 'offset=-1', 'limit=x', 'colour=red'])(
    'with ?%s are refused',
    async (query) => {
      const server = await startServer(SETTINGS);
      const { status, body } = await new Admin(server.port).get(`/admin/connections?${query}`);
      expect([status, body['error']]).toMatchObject([400, { reason: 'invalid_field' }]);
    },
  );

  test('that do not exist are 404', async () => {
    const server = await startServer(SETTINGS);
    expect((await new Admin(server.port).get('/admin/connections/nobody')).status).toBe(404);
  });
});

test('topics are listed by subscribers, and by prefix', async () => {
  const server = await startServer(SETTINGS);
  const admin = new Admin(server.port);
  const [alice, bob] = [await connect(server.port), await connect(server.port, { user: 'bob' })];
  await alice.subscribe('chat.a', 'chat.b', 'news.c');
  await bob.subscribe('chat.b');
  await bob.publish('chat.b', 'x');
  expect((await admin.get('/admin/topics?limit=2')).body).toMatchObject({
    total: 3,
    next_offset: 2,
    topics: [{ topic: 'chat.b', subscribers: 2, sequence: 1, ephemeral: false }, { subscribers: 1 }],
  });
  expect((await admin.get('/admin/topics?prefix=news.')).body).toMatchObject({
    total: 1,
    topics: [{ topic: 'news.c' }],
  });
});

test('dead letters are listed, newest first, without tokens and without what they carried', async () => {
  const failing = appOf('failing', (host) => ({
    frames: {
      'X-Fail': host.frame({
        schema: (z) => z.unknown(),
        writes: false,
        handle: () => Promise.reject(new Error('the application broke')),
      }),
    },
  }));
  const server = await startServer(SETTINGS, [failing]);
  const alice = await connect(server.port);
  for (const n of [1, 2])
    expect((await alice.ask('X-Fail', { n: 'private'.repeat(n) })).data).toMatchObject({ reason: 'quarantined' });
  const { body } = await new Admin(server.port).get('/admin/dead-letters');
  expect(body).toMatchObject({ total: 2 });
  const [newest] = body['dead_letters'] as [Row];
  expect(newest).toMatchObject({ actor: 'app:failing', error: expect.stringContaining('broke') });
  expect(newest['message']).toContain(alice.connected.connection_id);
  expect(newest['message']).toMatch(/"X-Fail".*"\[22 bytes\]"/);
  expect(JSON.stringify(body)).not.toContain('private');
});

test('L-30: a profile of each kind comes as a file for DevTools, one at a time', async () => {
  const server = await startServer(SETTINGS);
  const admin = new Admin(server.port);
  const cpu = admin.post('/admin/profile', { kind: 'cpu', secs: 0.5 });
  await eventually(async () => {
    const { status } = await admin.post('/admin/profile', { kind: 'heap', secs: 0.1 });
    return status === 429;
  }, 'the second to be refused');
  const profile = await cpu;
  expect(profile.headers.get('content-disposition')).toContain('signalbox.cpuprofile');
  expect(profile.body).toMatchObject({ nodes: expect.any(Array), samples: expect.any(Array) });
  expect((await admin.post('/admin/profile', { kind: 'heap', secs: 0.1 })).body).toMatchObject({ head: {} });
});
