/** The log read page by page, and state that is kept by messages; on virtual time. */
import { describe, expect, test } from 'vitest';
import { rig } from './test-rig.ts';
import type { Topic } from './topic.ts';
import { historyOf, type HistoryOptions } from './history/index.ts';
import { storeOf } from './store/index.ts';

describe('history', () => {
  test('pages itself, in both directions, to a limit', async () => {
    const { client, server, pass } = rig();
    for (let at = 1; at <= 250; at += 1) server.publish('a', at);
    const read = async (options: HistoryOptions): Promise<unknown[]> => {
      const payloads: unknown[] = [];
      for await (const { payload } of historyOf(client.topic('a'), options)) payloads.push(payload);
      return payloads;
    };
    const reads = [read({}), read({ reverse: true }), read({ limit: 120 }), read({ reverse: true, limit: 3 })];
    await pass(100);
    const all = Array.from({ length: 250 }, (_, at) => at + 1);
    expect(await Promise.all(reads)).toEqual([all, all.toReversed(), all.slice(0, 120), [250, 249, 248]]);
  });

  test('goes on where it was when the connection breaks', async () => {
    const { client, server, pass } = rig({ server: { latencyMs: 10 } });
    for (let at = 1; at <= 250; at += 1) server.publish('a', at);
    const payloads: unknown[] = [];
    const read = (async () => {
      for await (const { payload } of historyOf(client.topic('a'))) payloads.push(payload);
    })();
    await pass(35);
    server.cut();
    await pass(5_000);
    await read;
    expect(payloads.length).toBe(250);
  });
});

describe('a store', () => {
  test('is loaded at a position and kept by what comes after it', async () => {
    const { client, server, pass } = rig();
    const log: string[] = ['1', '2'];
    for (const text of log) server.publish('a', text);
    const store = storeOf<readonly string[], string>(client.topic('a') as Topic<string>, {
      load: async (at) => {
        const state = log.slice(0, at?.sequence);
        await new Promise<void>((resolve) => {
          server.clock.after(50, resolve);
        });
        return state;
      },
      apply: (state, { payload }) => [...state, payload],
    });
    const snapshots: string[] = [];
    store.subscribe(() => snapshots.push(store.getSnapshot().status));
    await pass(10);
    expect(store.getSnapshot()).toEqual({ value: undefined, status: 'loading', position: undefined });
    const publish = (text: string): void => {
      log.push(text);
      server.publish('a', text);
    };
    publish('3');
    await pass(100);
    expect(store.getSnapshot()).toMatchObject({ value: ['1', '2', '3'], status: 'live', position: { sequence: 3 } });
    server.cut();
    for (const text of ['4', '5']) publish(text);
    server.trim('a', 1);
    await pass(1_000);
    publish('6');
    await pass(100);
    expect(store.getSnapshot()).toMatchObject({ value: log, status: 'live', position: { sequence: 6 } });
    expect(snapshots).toContain('stale');
    store.dispose();
    await pass(2_000);
    expect(client.topic('a').state).toBe('stopped');
  });

  test('that cannot be loaded is tried again, and says so', async () => {
    const { client, pass } = rig();
    let times = 0;
    const problems: unknown[] = [];
    const store = storeOf(client.topic('a'), {
      load: () => {
        times += 1;
        if (times < 3) throw new Error('not now');
        return times;
      },
      apply: (state) => state,
      error: (problem) => problems.push(problem),
    });
    await pass(10_000);
    expect([store.getSnapshot().value, problems.length]).toEqual([3, 2]);
    store.dispose();
  });
});
