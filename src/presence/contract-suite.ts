/** The contract that every store of presence has to pass. It knows the port, and what readers of the log were told. */
import { afterEach, describe, expect, test } from 'vitest';
import { isRefusal } from '../protocol/errors.ts';
import { appTopic } from '../protocol/topic.ts';
import { A, B, enter, leave, Probe, T, type MakePresenceStore } from './contract-probe.ts';
import { crowdContract } from './contract-crowds.ts';
import {
  CHANGES_PER_PUBLICATION,
  REMOVED_AT_ONCE,
  type CountMode,
  type MembersPage,
  type PresenceStore,
} from './presence-store.ts';

export function presenceStoreContract(name: string, make: MakePresenceStore): void {
  describe(`the contract of stores of presence: ${name}`, () => {
    const open: Probe[] = [];
    const start = async (mode: CountMode = { from: 1_000, below: 900 }): Promise<Probe> => {
      const probe = new Probe(await make(mode));
      open.push(probe);
      return probe;
    };
    afterEach(async () => {
      for (const probe of open.splice(0)) await probe.under.dispose();
    });

    test('tells who enters, changes and leaves, in one message a batch', async () => {
      const probe = await start();
      await probe.apply(A, [enter('1', 'ada', '{"x":1}'), enter('2', 'bob')]);
      await probe.apply(A, [enter('1', 'ada', '{"x":2}'), leave('2')]);
      expect(await probe.told()).toEqual([
        {
          changes: [
            { op: 'enter', user: 'ada', data: { x: 1 } },
            { op: 'enter', user: 'bob', data: {} },
          ],
          count: 2,
        },
        {
          changes: [
            { op: 'update', user: 'ada', data: { x: 2 } },
            { op: 'leave', user: 'bob', reason: 'left' },
          ],
          count: 1,
        },
      ]);
    });

    test('answers where the log stands, and members know the sequence of their last change', async () => {
      const probe = await start();
      await probe.apply(A, [enter('1', 'ada')]);
      const applied = await probe.apply(A, [enter('2', 'bob')]);
      const { position } = await probe.under.log(T);
      expect(applied).toEqual({ count: 2, position });
      const page = await probe.page();
      expect(page).toMatchObject({ count: 2, position, next: null });
      expect(page.members.map(({ member, sequence }) => `${member} ${sequence}`).sort()).toEqual(['ada 1', 'bob 2']);
    });

    test('a user with several connections enters once and leaves with the last, wherever they are', async () => {
      const probe = await start();
      await probe.apply(A, [enter('1', 'ada')]);
      await probe.apply(B, [enter('1', 'ada')]);
      expect((await probe.page()).members).toMatchObject([{ member: 'ada', connections: 2 }]);
      await probe.apply(A, [leave('1')]);
      expect(await probe.told()).toHaveLength(1);
      await probe.apply(B, [leave('1', 'expired')]);
      expect((await probe.told()).at(-1)).toEqual({
        changes: [{ op: 'leave', user: 'ada', reason: 'expired' }],
        count: 0,
      });
      expect(await probe.members()).toEqual([]);
    });

    test('a batch may come again: nothing is counted or told twice', async () => {
      const probe = await start();
      for (let at = 0; at < 3; at += 1) await probe.apply(A, [enter('1', 'ada')]);
      expect((await probe.page()).members).toMatchObject([{ connections: 1 }]);
      for (let at = 0; at < 3; at += 1) await probe.apply(A, [leave('1')]);
      expect(await probe.told()).toHaveLength(2);
    });

    test('who comes and goes within a batch, or goes and comes, is nobody’s news', async () => {
      const probe = await start();
      await probe.apply(A, [enter('1', 'ada'), leave('1')]);
      await probe.apply(A, [enter('2', 'bob')]);
      await probe.apply(A, [leave('2'), enter('3', 'bob')]);
      expect(await probe.told()).toHaveLength(1);
      expect(await probe.members()).toEqual(['bob']);
    });

    test('many changes are told in several messages', async () => {
      const probe = await start();
      const many = CHANGES_PER_PUBLICATION * 2 + 1;
      await probe.apply(
        A,
        Array.from({ length: many }, (_, at) => enter(`${at}`, `u${at}`)),
      );
      const told = (await probe.told()) as { readonly changes: readonly unknown[]; readonly count: number }[];
      expect(told.map(({ changes, count }) => [changes.length, count])).toEqual([
        [CHANGES_PER_PUBLICATION, many],
        [CHANGES_PER_PUBLICATION, many],
        [1, many],
      ]);
    });

    test('from a threshold only counts are told, until there are clearly fewer', async () => {
      const probe = await start({ from: 3, below: 2 });
      await probe.apply(A, [enter('1', 'a'), enter('2', 'b')]);
      await probe.apply(A, [enter('3', 'c')]);
      await probe.apply(A, [enter('3', 'c', '{"x":1}')]);
      await probe.apply(A, [leave('3')]);
      await probe.apply(A, [leave('2')]);
      await probe.apply(A, [enter('2', 'b')]);
      expect((await probe.told()).slice(1)).toEqual([
        { count: 3, entered: 1, left: 0 },
        { count: 2, entered: 0, left: 1 },
        { count: 1, entered: 0, left: 1 },
        { changes: [{ op: 'enter', user: 'b', data: {} }], count: 2 },
      ]);
    });

    test('pages bring everybody who stays', async () => {
      const probe = await start();
      const many = Array.from({ length: 1_000 }, (_, at) => enter(`${at}`, `u${at}`));
      await probe.apply(A, many);
      const seen = new Set<string>();
      let after: string | null = '';
      for (let pages = 0; after !== null && pages < 200; pages += 1) {
        const page: MembersPage = await probe.page(after, 100);
        expect(page.members.length).toBeLessThan(300);
        for (const { member } of page.members) seen.add(member);
        // Every second one of the first half leaves meanwhile.
        if (pages < 5)
          await probe.apply(
            A,
            many.slice(pages * 100, pages * 100 + 50).map(({ entry }) => leave(entry)),
          );
        after = page.next;
      }
      for (const { entry } of many.slice(500)) expect(seen.has(`u${entry}`)).toBe(true);
    });

    test('there is no page of a topic with more members than are asked for', async () => {
      const probe = await start();
      await probe.apply(A, [enter('1', 'ada'), enter('2', 'bob')]);
      const page = (most: number) =>
        probe.ask<object>((store, reply) => store.members(T, { after: '', limit: 10, most }, reply));
      expect(await page(1)).toMatchObject({ count: 2, members: [], next: null });
      expect(await page(2)).toMatchObject({ count: 2, members: [{}, {}] });
    });

    test('one member can be asked for, and how many are in several topics', async () => {
      const probe = await start();
      await probe.apply(A, [enter('1', 'ada', '{"x":"é😀"}'), enter('2', 'böb "q" \n')]);
      expect((await probe.page('', 10, 'ada')).members).toMatchObject([{ member: 'ada', data: '{"x":"é😀"}' }]);
      expect((await probe.page('', 10, 'böb "q" \n')).members).toMatchObject([{ data: '{}' }]);
      expect((await probe.page('', 10, 'nobody')).members).toEqual([]);
      expect(await probe.ask((store, reply) => store.counts([T, 'chat.other'], reply))).toEqual([2, 0]);
    });

    test('what an ended owner left is removed and told, in parts, and it writes nothing any more', async () => {
      const probe = await start();
      const many = REMOVED_AT_ONCE + 1;
      await probe.apply(
        A,
        Array.from({ length: many }, (_, at) => enter(`${at}`, `u${at}`)),
      );
      await probe.apply(B, [enter('1', 'u0'), enter('2', 'bob')]);
      const before = (await probe.told()).length;
      expect(await probe.ask((store, reply) => store.end(A, reply))).toBe(true);
      let removed = 0;
      for (let isMore = true; isMore;) {
        const answer = (await probe.remove(A)) as { readonly removed: number; readonly isMore: boolean };
        removed += answer.removed;
        isMore = answer.isMore;
      }
      expect(removed).toBe(many);
      expect(await probe.members()).toEqual(['bob', 'u0']);
      const told = (await probe.told()).slice(before) as { readonly changes: readonly { readonly reason: string }[] }[];
      expect(told.flatMap(({ changes }) => changes)).toHaveLength(many - 1);
      expect(new Set(told.flatMap(({ changes }) => changes.map(({ reason }) => reason)))).toEqual(
        new Set(['node_lost']),
      );
      expect(await probe.apply(A, [enter('9', 'late')])).toBe('gone');
      expect(await probe.members()).toEqual(['bob', 'u0']);
      expect(await probe.remove(A)).toEqual({ removed: 0, isMore: false });
    });

    test('an application is answered which members of its topic have come and gone, also where readers are told only numbers', async () => {
      const probe = await start({ from: 2, below: 1 });
      const place = appTopic('', 'chat', 'online.1');
      const touched = async (owner: string, changes: Parameters<typeof probe.apply>[1]): Promise<unknown> => {
        const answer = await probe.apply(owner, changes, place);
        return answer === 'gone' ? answer : answer.touched;
      };
      const [come, gone] = [
        { isPresent: true, hasChanged: true },
        { isPresent: false, hasChanged: true },
      ];
      expect(await touched(A, [enter('1', 'ada'), enter('2', 'böb "q"')])).toEqual([
        { member: 'ada', ...come },
        { member: 'böb "q"', ...come },
      ]);
      expect(await touched(B, [enter('1', 'ada')])).toEqual([{ member: 'ada', isPresent: true, hasChanged: false }]);
      expect(await touched(A, [leave('2')])).toEqual([{ member: 'böb "q"', ...gone }]);
      expect(await touched(A, [leave('2')])).toEqual([]);
      expect(await touched(A, [leave('1')])).toEqual([{ member: 'ada', isPresent: true, hasChanged: false }]);
      const removed = await probe.ask((store, reply) => store.remove(B, place, 'node_lost', reply));
      expect(removed).toEqual({ removed: 1, isMore: false, touched: [{ member: 'ada', ...gone }] });
      expect(await probe.apply(A, [enter('1', 'ada')])).not.toHaveProperty('touched');
    });

    test('owners are known with their topics until nothing is left of them', async () => {
      const probe = await start();
      await probe.apply(A, [enter('1', 'ada')]);
      await probe.apply(A, [enter('1', 'ada')], 'chat.two');
      const owners = async (): Promise<string[]> => {
        const answer = await probe.ask<Parameters<Parameters<PresenceStore['look']>[0]>[0]>((store, reply) =>
          store.look(reply),
        );
        return isRefusal(answer) ? ['?'] : answer.owners.map(({ owner }) => owner);
      };
      expect(await owners()).toEqual([A]);
      const topics = await probe.ask<readonly string[] | object>((store, reply) => store.topicsOf(A, 10, reply));
      expect([...(topics as readonly string[])].sort()).toEqual([T, 'chat.two']);
      await probe.ask((store, reply) => store.end(A, reply));
      await probe.remove(A);
      expect(await probe.ask((store, reply) => store.topicsOf(A, 10, reply))).toEqual(['chat.two']);
      probe.under.store.forget(A);
      await expect.poll(owners).toEqual([]);
    });

    crowdContract(start);
  });
}
