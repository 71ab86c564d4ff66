/** The contract's part on idempotency keys: a publish that is repeated happens once. */
import { describe, expect, test } from 'vitest';
import { draft, sequencesOf, type Open } from './contract-suite-probe.ts';

const WINDOW_MS = 1_000;
const keyed = (payload: string, idempotencyKey = 'key-1', from = 'ada'): ReturnType<typeof draft> =>
  draft(payload, { idempotencyKey, from });

export function idempotencyContract(open: Open): void {
  describe('idempotency', () => {
    test('the same key and payload again is a duplicate with the id and position of the first', async () => {
      const probe = await open();
      await probe.retain('chat.a');
      const first = await probe.publish('chat.a', keyed('{"n":1}'));
      await probe.publish('chat.a', '"between"');
      const again = await probe.publish('chat.a', keyed('{"n":1}'));
      expect(first.duplicate).toBe(false);
      expect(again).toEqual({ ...first, duplicate: true });
      await probe.allTold();
      expect(sequencesOf(probe.told('chat.a'))).toEqual([1, 2]);
      expect((await probe.read('chat.a')).top).toBe(2);
    });

    test('of several at once one is the first', async () => {
      const probe = await open();
      const all = await Promise.all([1, 2, 3, 4, 5].map(() => probe.publish('chat.a', keyed('1'))));
      expect(all.map(({ duplicate }) => duplicate)).toEqual([false, true, true, true, true]);
      expect(new Set(all.map(({ id }) => id)).size).toBe(1);
      expect((await probe.read('chat.a')).top).toBe(1);
    });

    test('two users are never one, whatever their names and keys hold', async () => {
      const probe = await open();
      for (const [from, key] of [
        ['a\nb', 'c'],
        ['a', 'b\nc'],
        ['a', '1:bc'],
        ['a1:b', 'c'],
      ] as const)
        expect(await probe.publish('chat.a', keyed('1', key, from))).toMatchObject({ duplicate: false });
      expect((await probe.read('chat.a')).top).toBe(4);
    });

    test('the same key with another payload is a conflict and is not stored', async () => {
      const probe = await open();
      const first = await probe.publish('chat.a', keyed('{"n":1}'));
      await expect(probe.publish('chat.a', keyed('{"n":2}'))).rejects.toMatchObject({ reason: 'idempotency_conflict' });
      expect((await probe.read('chat.a')).top).toBe(1);
      // The first use still counts.
      expect(await probe.publish('chat.a', keyed('{"n":1}'))).toEqual({ ...first, duplicate: true });
    });

    test('without a key the same payload is published again', async () => {
      const probe = await open();
      const first = await probe.publish('chat.a', '1');
      const second = await probe.publish('chat.a', '1');
      expect([first.duplicate, second.duplicate]).toEqual([false, false]);
      expect(second.position?.sequence).toBe(2);
    });

    test('a key is of one user and one topic', async () => {
      const probe = await open();
      await probe.publish('chat.a', keyed('1'));
      const others = await Promise.all([
        probe.publish('chat.a', keyed('2', 'key-1', 'bob')),
        probe.publish('chat.b', keyed('2')),
        probe.publish('acme/chat.a', keyed('2')),
        probe.publish('chat.a', keyed('2', 'key-2')),
      ]);
      expect(others.map(({ duplicate }) => duplicate)).toEqual([false, false, false, false]);
      expect((await probe.read('chat.a')).top).toBe(3);
    });

    test('a key is forgotten when its window has passed since the first use', async () => {
      const probe = await open({ idempotencyWindowMs: WINDOW_MS });
      const first = await probe.publish('chat.a', keyed('1'));
      await probe.under.pass(WINDOW_MS * 0.6);
      expect(await probe.publish('chat.a', keyed('1'))).toEqual({ ...first, duplicate: true });
      await probe.under.pass(WINDOW_MS * 0.6);
      const anew = await probe.publish('chat.a', keyed('2'));
      expect(anew).toMatchObject({ duplicate: false, position: { sequence: 2 } });
    });

    test('keys hold when the log no longer has the message', async () => {
      const probe = await open({
        retention: {
          rules: [],
          fallback: { messages: 1, ageMs: 3_600_000, bytes: 10_000 },
          direct: { messages: 1, ageMs: 3_600_000, bytes: 10_000 },
        },
      });
      const first = await probe.publish('chat.a', keyed('1'));
      await probe.publishMany('chat.a', 10 + probe.under.slack);
      expect(await probe.publish('chat.a', keyed('1'))).toEqual({ ...first, duplicate: true });
    });

    test('keys count for ephemeral topics too', async () => {
      const probe = await open();
      await probe.retain('typing.a');
      const first = await probe.publish('typing.a', keyed('1'));
      const again = await probe.publish('typing.a', keyed('1'));
      expect([first.duplicate, again.duplicate]).toEqual([false, true]);
      await expect(probe.publish('typing.a', keyed('2'))).rejects.toMatchObject({ reason: 'idempotency_conflict' });
      await probe.allTold();
      expect(probe.told('typing.a')).toHaveLength(1);
    });
  });
}
