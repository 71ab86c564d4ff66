/** A node shuts down, and the application notices nothing; on virtual time. */
import { describe, expect, test } from 'vitest';
import { collect, rig } from './test-rig.ts';

describe('a drain that nobody notices', () => {
  test('it moves beside the old connection, at its own moment, and nothing is lost or repeated', async () => {
    const { client, server, states, pass } = rig();
    const items = collect(client.topic('a'));
    await pass(10);
    const sent: string[] = [];
    server.drain(5_000);
    for (let at = 0; at < 100; at += 1) {
      sent.push(`m${at}`);
      server.publish('a', `m${at}`);
      if (at === 48) expect(server.sockets.length).toBe(1);
      await pass(100);
    }
    expect(items).toEqual(['live', ...sent]);
    expect(server.sockets.length).toBe(2);
    expect([server.sockets[0]?.isClosed, server.open]).toEqual([true, 1]);
    expect(new Set(states)).toEqual(new Set(['connecting', 'connected']));
  });

  test('a new node that takes nobody is asked again, while the old one serves', async () => {
    const { client, server, pass } = rig();
    const items = collect(client.topic('a'));
    await pass(10);
    server.drain(1_000, 20_000);
    server.refuse('over_capacity', 'over_capacity', 2);
    await pass(1_300);
    server.publish('a', 'served');
    await pass(10);
    expect([items, client.state]).toMatchObject([['live', 'served'], { status: 'connected', isDraining: true }]);
    await pass(18_000);
    expect([server.sockets.length, server.open, client.state]).toMatchObject([4, 1, { isDraining: false }]);
  });

  test('closed before its moment, it waits for it', async () => {
    const { client, server, pass } = rig();
    const waits: number[] = [];
    client.on('state', (state) => {
      if (state.status === 'waiting') waits.push(Math.round(state.retryAt - server.clock.now));
    });
    collect(client.topic('a'));
    await pass(10);
    server.drain(5_000, 10_000);
    await pass(2_001);
    server.cut(4101);
    expect(waits).toEqual([3_000]);
    await pass(3_100);
    expect(client.state.status).toBe('connected');
  });

  test('publishes go on, in order and once', async () => {
    const { client, server, pass } = rig({ server: { latencyMs: 20 } });
    const items = collect(client.topic('a'));
    await pass(100);
    server.drain(500, 100);
    const receipts: Promise<unknown>[] = [];
    for (let at = 0; at < 100; at += 1) {
      receipts.push(client.topic('a').publish(`m${at}`));
      await pass(10);
    }
    await pass(1_000);
    await Promise.all(receipts);
    expect(items).toEqual(['live', ...Array.from({ length: 100 }, (_, at) => `m${at}`)]);
  });
});
