/** What an application says and does not keep, and whom it subscribes: over two nodes. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { App, Host } from '../../src/index.ts';
import { connect } from '../harness/client.ts';
import { startRedis, type RedisServer } from '../harness/redis-server.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const hosts: Host[] = [];
const app: App = {
  name: 'room',
  ephemeral: ['room.*.live'],
  start: (host) => {
    hosts.push(host);
    return { topics: [{ pattern: 'room.*' }, { pattern: 'room.*.live' }] };
  },
};

describe('an application with topics that are not stored', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });

  test('subscribes a user on every node; what it says there has no place and no history, whatever the rules say', async () => {
    hosts.length = 0;
    const rules = JSON.stringify([{ pattern: 'room.**', history: 2_000, subscribe: ['user'] }]);
    const settings = { 'redis.url': redis.url, 'topics.rules': rules };
    const nodes: readonly TestServer[] = [await startServer(settings, [app]), await startServer(settings, [app])];
    const [ada, other] = await Promise.all(nodes.map(({ port }) => connect(port, { user: 'ada' })));
    const bob = await connect(nodes[0]?.port ?? 0, { user: 'bob' });
    const [host] = hosts;
    if (host === undefined || ada === undefined || other === undefined) throw new Error('expected two nodes');
    const many = Array.from({ length: 120 }, (_, at) => `room.r${at}`);
    expect(await host.subscribe('ada', ['room.a.live', ...many])).toEqual({ connections: 2, missed: [] });
    for (const client of [ada, other]) {
      expect(await client.status('subscribed')).toMatchObject({
        positions: expect.not.objectContaining({ 'room.a.live': {} }),
      });
      expect(await client.status('subscribed')).toMatchObject({ active_subscriptions: 121 });
    }
    expect(await host.publish('room.a.live', { payload: 'typing' })).toMatchObject({ position: null });
    for (const client of [ada, other]) {
      const [heard] = await client.take(1);
      expect(heard?.data).toMatchObject({ topic: 'room.a.live', payload: 'typing' });
      expect(heard?.data).not.toHaveProperty('sequence');
    }
    expect((await bob.ask('History', { topic: 'room.a.live', limit: 1 })).data.reason).toBe('no_history');
    expect(await host.publish('room.r1', { payload: 'kept' })).toMatchObject({ position: { sequence: 1 } });
    await host.unsubscribe({ tenant: '', user: 'ada' }, ['room.a.live']);
    expect(await other.status('unsubscribed')).toMatchObject({ topics: ['room.a.live'] });
    expect(bob.untaken('Broadcast')).toEqual([]);
  });

  test('whose patterns it does not own is refused', async () => {
    const stranger: App = { ...app, ephemeral: ['other.*'] };
    await expect(startServer({}, [stranger])).rejects.toThrow(
      /ephemeral topics that a pattern of its own topics covers/,
    );
  });
});
