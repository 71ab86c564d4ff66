/** A change of rights that an application tells on one node ends live subscriptions on all nodes within one second. */
import { expect, test } from 'vitest';
import type { Host } from '../../src/index.ts';
import { appOf } from '../harness/apps.ts';
import { connect, type Connection } from '../harness/client.ts';
import { ownTimer } from '../harness/own-time.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startServer } from '../harness/server.ts';

const LIMIT_MS = 1_000;
const ROUNDS = 10;

async function unsubscribed(client: Connection): Promise<unknown> {
  for (;;) {
    const { data } = await client.next('Status');
    if (data.status === 'unsubscribed') return data.details;
  }
}

test('host.rightsChanged: from the call to the Status on both of two nodes on Redis', async ({ annotate }) => {
  const redis = await startRedis();
  const hosts: Host[] = [];
  const denied = new Set<string>();
  const rooms = appOf('rooms', (host) => {
    hosts.push(host);
    return { topics: [{ pattern: 'room.*', mayAct: ({ user }) => Promise.resolve(!denied.has(user)) }] };
  });
  const shared = { 'redis.url': redis.url, 'redis.prefix': 'rights', 'rate_limiting.enabled': 'false' };
  const nodes = await Promise.all(
    ['n1', 'n2'].map((name) => startServer({ ...shared, 'server.node_name': name }, [rooms])),
  );
  const [host] = hosts as [Host];
  const theirs = await Promise.all(nodes.map(({ port }) => connect(port, { user: 'bob' })));
  const others = await Promise.all(nodes.map(({ port }) => connect(port, { user: 'ada' })));
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const topic = `room.${round}`;
    for (const client of [...theirs, ...others]) expect((await client.subscribe(topic)).topics).toEqual([topic]);
    denied.add('bob');
    const elapsed = ownTimer(redis.pid);
    const reached = host.rightsChanged(round % 2 === 0 ? { user: 'bob' } : { topic });
    for (const details of await Promise.all(theirs.map(unsubscribed)))
      expect(details).toMatchObject({ topics: [topic], rejected: [{ topic, reason: 'not_allowed' }] });
    times.push(elapsed());
    // By its topic a change is one of everybody who has it; those who may still have it notice nothing.
    expect(await reached).toMatchObject({ connections: round % 2 === 0 ? 2 : 4, missed: [] });
    denied.clear();
    await host.rightsChanged({ user: 'bob' });
  }
  expect(Math.max(...times)).toBeLessThan(LIMIT_MS);
  for (const client of others) expect(client.frames.some(({ data }) => data.status === 'unsubscribed')).toBe(false);
  const sorted = times.toSorted((a, b) => a - b).map((ms) => ms.toFixed(1));
  await annotate(`median ${sorted[ROUNDS / 2]} ms, longest ${sorted.at(-1)} ms of ${ROUNDS}`);
});

test('what the application publishes just before it takes the right, or the connection, arrives', async () => {
  const hosts: Host[] = [];
  const denied = new Set<string>();
  const rooms = appOf('rooms', (host) => {
    hosts.push(host);
    return { topics: [{ pattern: 'room.*', mayAct: ({ user }) => !denied.has(user) }] };
  });
  const { port } = await startServer({}, [rooms]);
  const [host] = hosts as [Host];
  const [bob, ada] = [await connect(port, { user: 'bob' }), await connect(port, { user: 'ada' })];
  for (const client of [bob, ada]) await client.subscribe('room.1');
  denied.add('bob');
  void host.publish('room.1', { payload: 'bob has to leave' });
  void host.rightsChanged({ user: 'bob' });
  void host.publish('room.1', { payload: 'ada has to leave too' });
  void host.disconnect('ada');
  expect((await bob.next('Broadcast')).data.payload).toBe('bob has to leave');
  expect(await unsubscribed(bob)).toMatchObject({ topics: ['room.1'] });
  expect(bob.untaken('Broadcast')).toEqual([]);
  await ada.closed;
  expect((await ada.take(2)).map(({ data }) => data.payload)).toEqual(['bob has to leave', 'ada has to leave too']);
});
