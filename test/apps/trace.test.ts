/** An application adds stages of its own to a message that is traced: an operator sees them beside those of the server. */
import { expect, test } from 'vitest';
import type { Host } from '../../src/index.ts';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { appOf } from '../harness/apps.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { signalbox } from '../harness/process.ts';
import { startServer } from '../harness/server.ts';

test('host.trace: stages with their first times, of traced messages alone, in the trace and in what the verb prints', async () => {
  const hosts: Host[] = [];
  const told: string[] = [];
  const shop = appOf('shop', (host) => {
    hosts.push(host);
    return {
      hooks: { published: (_principal, topic, { id }) => void told.push(`${topic} ${host.trace(id, 'seen')}`) },
    };
  });
  const server = await startServer({ 'admin.token': ADMIN_TOKEN, 'trace.topics': 'order.*' }, [shop]);
  const [host] = hosts as [Host];
  const client = await connect(server.port, { user: 'ada' });
  const { data } = await client.publish('order.a', 1);
  await client.publish('chat.a', 1);
  await eventually(() => told.length === 2, 'both to be told');
  expect(told).toEqual(['order.a true', 'chat.a false']);

  const { id } = data;
  const now = host.clock.now();
  expect([host.trace(id, 'paid', now + 40), host.trace(id, 'paid', now + 90)]).toEqual([true, true]);
  const { body } = await new Admin(server.port).get(`/admin/trace/${id}`);
  expect(body).toMatchObject({ message: { stages: { 'shop.paid': now + 40, 'shop.seen': expect.any(Number) } } });
  const { out } = await signalbox(['trace', id, '--url', `http://127.0.0.1:${server.port}`, '--token', ADMIN_TOKEN]);
  expect(out).toMatch(/^shop\.seen {3}20.*\nshop\.paid {3}20.* \+\d+ ms$/m);

  for (let at = 0; at < 14; at += 1) expect(host.trace(id, `step-${at}`)).toBe(true);
  expect(host.trace(id, 'one-too-many')).toBe(false);
  expect(() => host.trace(id, 'A stage')).toThrow(RangeError);
  expect(() => host.trace(id, 'late', Number.NaN)).toThrow(RangeError);
});

test('stages and host.fate: what an application has kept is shown of a message that nobody traces, and it is told what became of one', async () => {
  const hosts: Host[] = [];
  const kept: { stage: string; at: number }[] = [];
  const shop = appOf('shop', (host) => {
    hosts.push(host);
    return { stages: (id) => (id.startsWith('1-') ? Promise.reject(new Error('no such thing')) : kept) };
  });
  const server = await startServer({ 'admin.token': ADMIN_TOKEN, 'trace.topics': 'order.*' }, [shop]);
  const [host] = hosts as [Host];
  const client = await connect(server.port, { user: 'ada' });
  await client.subscribe('chat.a', 'order.a');
  const [silent, traced] = [(await client.publish('chat.a', 1)).data, (await client.publish('order.a', 1)).data];
  const now = host.clock.now();
  kept.push({ stage: 'paid', at: now }, { stage: 'paid', at: now + 9 }, { stage: 'Not a stage', at: now });
  const admin = new Admin(server.port);
  const { body } = await admin.get(`/admin/trace/${silent.id}`);
  expect(body).toMatchObject({
    message: null,
    app_stages: { 'shop.paid': now },
    standing: [{ user: 'ada', verdict: 'unknown', text: expect.stringContaining('stands at position 1') }],
  });
  expect(Object.keys((body as { app_stages: object }).app_stages)).toEqual(['shop.paid']);
  expect((await admin.get(`/admin/trace/${traced.id}`)).body).toMatchObject({
    message: { stages: { 'shop.paid': now } },
    standing: [],
  });
  // One that fails takes nothing from the answer.
  expect((await admin.get('/admin/trace/1-1-abcdef')).body).toMatchObject({ app_stages: {}, standing: [] });

  expect(await host.fate(silent.id)).toMatchObject({
    isTraced: false,
    epoch: null,
    recipients: [{ user: 'ada', at: null }],
  });
  const fate = await host.fate(traced.id);
  expect(fate).toMatchObject({
    isTraced: true,
    note: null,
    stages: { stored: expect.any(Number) },
    recipients: [{ user: 'ada', end: 'written', says: null }],
    silent: [],
  });
  expect(Object.keys(fate.stages).filter((name) => name.includes('.'))).toEqual([]);
  await expect(host.fate('no id')).rejects.toThrow(RangeError);
});
