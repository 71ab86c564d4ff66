/** The contract's part on topics whose owner numbers the messages itself. */
import { describe, expect, test } from 'vitest';
import type { Position } from '../protocol/position.ts';
import { count, draft, sequencesOf, type Open } from './contract-suite-probe.ts';

const at = (sequence: number, epoch = 'owner'): Position => ({ epoch, sequence });

export function ownerContract(open: Open): void {
  describe('appending at the sequence of an owner', () => {
    test('an empty log adopts any first sequence, and goes on with the one after', async () => {
      const probe = await open();
      expect(await probe.append('owned.a', at(100), '"hundred"')).toEqual({ status: 'appended' });
      expect(await probe.append('owned.a', at(101), '"next"')).toEqual({ status: 'appended' });
      const history = await probe.read('owned.a', { after: at(99) });
      expect(history).toMatchObject({ epoch: 'owner', top: 101, first: 100, after: 99, lost: null });
      expect(history.publications.map(({ position }) => position)).toEqual([at(100), at(101)]);
      expect(history.publications.map(({ payload }) => payload)).toEqual(['"hundred"', '"next"']);
      expect((await probe.retain('owned.a')).position).toEqual(at(101));
    });

    test('many appends without waiting take effect in their order', async () => {
      const probe = await open();
      const answers = await Promise.all(count(1, 20).map((n) => probe.append('owned.a', at(n), String(n))));
      expect(answers).toEqual(count(1, 20).map(() => ({ status: 'appended' })));
      expect(sequencesOf((await probe.read('owned.a')).publications)).toEqual(count(1, 20));
    });

    test('equal content at or below the tail is a duplicate and changes nothing', async () => {
      const probe = await open();
      await probe.retain('owned.a');
      for (const n of [100, 101, 102]) await probe.append('owned.a', at(n), String(n));
      for (const n of [100, 101, 102])
        expect(await probe.append('owned.a', at(n), String(n))).toEqual({ status: 'duplicate' });
      await probe.allTold();
      expect(sequencesOf(probe.told('owned.a'))).toEqual([100, 101, 102]);
      expect((await probe.read('owned.a')).top).toBe(102);
    });

    test('other content at or below the tail is a conflict and changes nothing', async () => {
      const probe = await open();
      for (const n of [100, 101]) await probe.append('owned.a', at(n), String(n));
      expect(await probe.append('owned.a', at(100), '"other"')).toEqual({ status: 'conflict' });
      expect(await probe.append('owned.a', at(101), '"other"')).toEqual({ status: 'conflict' });
      expect(await probe.append('owned.a', at(101), draft('101', { from: 'somebody else' }))).toEqual({
        status: 'conflict',
      });
      const { publications } = await probe.read('owned.a');
      expect(publications.map(({ payload }) => payload)).toEqual(['100', '101']);
    });

    test('beyond the next sequence it is ahead, and told what is expected', async () => {
      const probe = await open();
      await probe.append('owned.a', at(100), '100');
      expect(await probe.append('owned.a', at(102), '102')).toEqual({ status: 'ahead', expected: 101 });
      expect((await probe.read('owned.a')).top).toBe(100);
      expect(await probe.append('owned.a', at(101), '101')).toEqual({ status: 'appended' });
      expect(await probe.append('owned.a', at(102), '102')).toEqual({ status: 'appended' });
    });

    test('another epoch on a log that holds messages is a conflict', async () => {
      const probe = await open();
      await probe.append('owned.a', at(100), '100');
      expect(await probe.append('owned.a', at(101, 'usurper'), '101')).toEqual({ status: 'conflict' });
      expect(await probe.read('owned.a')).toMatchObject({ epoch: 'owner', top: 100 });
    });

    test('who was at the head is told of the new numbering before the first message of it', async () => {
      const probe = await open();
      const before = await probe.retain('owned.a');
      expect(before.position?.sequence).toBe(0);
      await probe.append('owned.a', at(100), '100');
      await probe.toldOf('owned.a', 1);
      const events = probe.events.filter(({ topic }) => topic === 'owned.a');
      expect(events[0]).toEqual({ kind: 'renumbered', topic: 'owned.a', position: at(99) });
      expect(events[1]).toMatchObject({ kind: 'published', publication: { position: at(100), payload: '100' } });
      expect(events).toHaveLength(2);
    });

    test('it is told once, also when the owner begins with 1, and also through a pattern', async () => {
      const probe = await open();
      await probe.retain('owned.*');
      await probe.retain('owned.a');
      for (const n of [1, 2]) await probe.append('owned.a', at(n), String(n));
      await probe.toldOf('owned.a', 2);
      expect(probe.events.filter(({ kind }) => kind === 'renumbered')).toEqual([
        { kind: 'renumbered', topic: 'owned.a', position: at(0) },
      ]);
    });

    test('of topics that nobody retains nothing is told', async () => {
      const probe = await open();
      await probe.append('owned.a', at(100), '100');
      await probe.allTold();
      expect(probe.events.filter(({ topic }) => topic === 'owned.a')).toEqual([]);
    });

    test('a log that is empty by age goes on with the next sequence, and nobody is renumbered', async () => {
      const keep = { messages: 100, ageMs: 500, bytes: 100_000 };
      const probe = await open({ retention: { rules: [], fallback: keep, direct: keep } });
      await probe.retain('owned.a');
      for (const n of [100, 101]) await probe.append('owned.a', at(n), String(n));
      await probe.under.pass(1_000);
      expect((await probe.read('owned.a')).publications).toEqual([]);
      expect(await probe.append('owned.a', at(102), '102')).toEqual({ status: 'appended' });
      expect(sequencesOf(await probe.toldOf('owned.a', 3))).toEqual([100, 101, 102]);
      expect(probe.events.filter(({ kind }) => kind === 'renumbered')).toHaveLength(1);
    });

    test('what the owner withdraws is in no log and no tail any more, and everything else goes on', async () => {
      const probe = await open();
      await probe.retain('owned.a');
      for (const n of count(100, 105)) await probe.append('owned.a', at(n), String(n));
      await probe.toldOf('owned.a', 6);
      await probe.withdraw('owned.a', 102);
      await probe.withdraw('owned.a', 102);
      for (const after of [at(99), at(101), 'earliest'] as const) {
        const { publications, first, top, lost } = await probe.read('owned.a', { after });
        expect([sequencesOf(publications), first, top, lost]).toEqual([[103, 104, 105], 103, 105, null]);
      }
      expect(probe.events.find(({ kind }) => kind === 'withdrawn')).toMatchObject({ topic: 'owned.a', upTo: 102 });
      // Appended again as it was, it stays where it is kept now.
      expect(await probe.append('owned.a', at(102), '102')).toEqual({ status: 'duplicate' });
      await probe.withdraw('owned.a', 105);
      expect((await probe.read('owned.a', { after: at(99) })).publications).toEqual([]);
      expect(await probe.append('owned.a', at(106), '106')).toEqual({ status: 'appended' });
      expect(sequencesOf((await probe.read('owned.a', { after: at(99) })).publications)).toEqual([106]);
      await probe.toldOf('owned.a', 7);
      expect(probe.events.filter(({ kind }) => kind === 'renumbered')).toHaveLength(1);
      await probe.withdraw('owned.nowhere', 5);
    });

    test("a message id holds the owner's time and sequence", async () => {
      const probe = await open();
      const time = probe.under.now() - 5_000;
      await probe.append('owned.a', at(7_000), '1', time);
      const [stored] = (await probe.read('owned.a')).publications;
      expect(stored?.timestamp).toBe(time);
      expect(stored?.id).toMatch(new RegExp(`^${time}-7000-[\\w-]{6}$`));
    });

    test('where the time of the owner runs back, the one before it holds', async () => {
      const probe = await open();
      const time = probe.under.now();
      await probe.append('owned.a', at(1), '1', time);
      await probe.append('owned.a', at(2), '2', time - 1_000);
      const { publications } = await probe.read('owned.a');
      expect(publications.map(({ timestamp }) => timestamp)).toEqual([time, time]);
    });
  });
}
