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
