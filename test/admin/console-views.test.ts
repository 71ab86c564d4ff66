/** What views have for the console: a search, the last errors of a connection, the last fifteen minutes of a node. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FIGURES, NodeFigures } from '../../src/node/figures.ts';
import { processUsage } from '../../src/telemetry/process-usage.ts';
import { appOf } from '../harness/apps.ts';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { startServer } from '../harness/server.ts';

const SETTINGS = { 'admin.token': ADMIN_TOKEN };

describe('connections', () => {
  test('are found by a part of a user, of an id or of an address, in any case', async () => {
    const server = await startServer(SETTINGS);
    const admin = new Admin(server.port);
    for (const user of ['alice', 'Alina', 'bob']) await connect(server.port, { user });
    const found = async (search: string): Promise<number> =>
      Number((await admin.get(`/admin/connections?search=${search}`)).body['total']);
    expect(await Promise.all(['aLi', 'bob', 'TEST-node-', '127.0.0', 'nobody', ''].map(found))).toEqual([
      2, 1, 3, 3, 0, 3,
    ]);
    expect((await admin.get(`/admin/connections?search=${'x'.repeat(257)}`)).status).toBe(400);
  });

  test('show their last five refused frames without what was in them, and are forgotten with their end', async () => {
    const server = await startServer(SETTINGS);
    const admin = new Admin(server.port);
    const client = await connect(server.port, { user: 'bob' });
    const [{ id } = { id: '' }] = (await admin.get('/admin/connections')).body['connections'] as { id: string }[];
    for (let at = 0; at < 6; at += 1)
      await client.ask('Broadcast', { topic: 'a topic with spaces', payload: 'secret' });
    await client.ask('Subscribe', { topics: ['also not a topic'] });
    const { body } = await admin.get(`/admin/connections/${id}`);
    expect(body['last_errors']).toHaveLength(5);
    expect(JSON.stringify(body['last_errors'])).not.toMatch(/secret|spaces/);
    expect((body['last_errors'] as object[])[0]).toMatchObject({ at: expect.any(Number), reason: 'invalid_topic' });
    const { lastErrors } = server.running.node.parts.context;
    const number = server.running.node.byId(id)?.number ?? -1;
    expect(lastErrors.of(number)).toHaveLength(5);
    await client.close();
    expect(lastErrors.of(number)).toHaveLength(0);
  });
});

describe('figures', () => {
  test('are taken every five seconds, and a later look gets what is new', async () => {
    const { running, port } = await startServer(SETTINGS);
    const client = await connect(port, { user: 'bob' });
    // Driven by hand: the pulse of the server goes on beside it.
    const figures = new NodeFigures(running.node, processUsage);
    const beats = (count: number): void => {
      for (let at = 0; at < count; at += 1) figures.beat(at);
    };
    await client.subscribe('chat.lobby');
    await client.publish('chat.lobby', 'x');
    await client.take(1);
    beats(5);
    const { at, values } = figures.since(0);
    expect([Object.keys(values), at.length]).toEqual([Object.keys(FIGURES), 1]);
    const newest = (name: keyof typeof FIGURES): number => Number(values[name]?.at(-1));
    expect([newest('connections'), newest('event_loop_lag_ms'), newest('mailbox_bytes')]).toEqual([1, 4, 0]);
    for (const name of ['published', 'received', 'delivered', 'delivery_p50_ms', 'rss_bytes', 'heap_bytes'] as const)
      expect([name, newest(name) > 0]).toEqual([name, true]);
    // Nothing was delivered since.
    beats(5);
    expect(figures.since(0).values['delivery_p50_ms']?.at(-1)).toBeNull();
    expect(figures.since(Date.now() + 60_000).at).toEqual([]);
    beats(5 * 200);
    expect(figures.since(0).at).toHaveLength(180);
  });

  test('are a view of any node', async () => {
    const admin = new Admin((await startServer(SETTINGS)).port);
    const names = Object.keys(FIGURES);
    const { body } = await admin.get('/admin/figures?since=0');
    expect(body).toMatchObject({ node: 'test-node', every_secs: 5, at: expect.any(Array) });
    expect(Object.keys(body['values'] as object)).toEqual(names);
    expect((await admin.get('/admin/figures?node=*')).body).toMatchObject({
      nodes: [{ node: 'test-node', every_secs: 5, problem: null }],
    });
    expect((await admin.get('/admin/figures?since=x')).status).toBe(400);
    const page = readFileSync(new URL('../../docs/administration.md', import.meta.url), 'utf8');
    for (const [name, text] of Object.entries(FIGURES)) expect(page).toContain(`| \`${name}\` | ${text} |`);
  });
});

test('what is in force says the time of the node', async () => {
  const server = await startServer(SETTINGS);
  const { body } = await new Admin(server.port).get('/admin/emergency-status');
  const [{ now } = { now: '' }] = body['nodes'] as { now: string }[];
  expect(Math.abs(Date.parse(now) - Date.now())).toBeLessThan(60_000);
});

test('without app, the applications that keep dead letters are listed', async () => {
  const letters = appOf('letters', () => ({
    deadLetters: {
      list: () => Promise.resolve({ total: 7, deadLetters: [{ id: 'one' }] }),
      replay: () => Promise.resolve(1),
    },
  }));
  const server = await startServer(SETTINGS, [letters]);
  expect((await new Admin(server.port).get('/admin/apps/dead-letters')).body).toEqual({
    node: 'test-node',
    apps: [{ app: 'letters', total: 7, problem: null }],
  });
});
