/** The contract's part on reading logs: where a page starts and ends, and what is said about positions that do not fit. */
import { describe, expect, test } from 'vitest';
import { count, sequencesOf, type Open } from './contract-suite-probe.ts';

const BYTES = 100;
const padded = (at: number): string => JSON.stringify(String(at).padEnd(BYTES - 2, '.'));

export function readContract(open: Open): void {
  describe('reading', () => {
    test('from the earliest message everything comes, ascending', async () => {
      const probe = await open();
      const { epoch } = await probe.publishMany('chat.a', 10);
      const history = await probe.read('chat.a', { after: 'earliest' });
      expect(history).toMatchObject({ epoch, epochFirst: 1, top: 10, first: 1, after: 0, lost: null });
      expect(sequencesOf(history.publications)).toEqual(count(1, 10));
      expect(history.publications.every(({ position }) => position?.epoch === epoch)).toBe(true);
    });

    test('after a position only what is newer comes', async () => {
      const probe = await open();
      const { epoch } = await probe.publishMany('chat.a', 10);
      const history = await probe.read('chat.a', { after: { epoch, sequence: 6 } });
      expect(history).toMatchObject({ epoch, top: 10, first: 1, after: 6, lost: null });
      expect(sequencesOf(history.publications)).toEqual([7, 8, 9, 10]);
    });

    test('at the head nothing comes and nothing is lost', async () => {
      const probe = await open();
      const head = await probe.publishMany('chat.a', 10);
      const history = await probe.read('chat.a', { after: head });
      expect(history).toMatchObject({ top: 10, after: 10, lost: null, publications: [] });
    });

    test('sequence 0 is before the first message', async () => {
      const probe = await open();
      const { epoch } = await probe.publishMany('chat.a', 2);
      const history = await probe.read('chat.a', { after: { epoch, sequence: 0 } });
      expect(history).toMatchObject({ after: 0, lost: null });
      expect(sequencesOf(history.publications)).toEqual([1, 2]);
    });

    test('a topic that was retained and never published to reads as empty', async () => {
      const probe = await open();
      const { position } = await probe.retain('chat.a');
      const history = await probe.read('chat.a', { after: { epoch: position?.epoch ?? '', sequence: 0 } });
      expect(history).toMatchObject({ epoch: position?.epoch, top: 0, first: 1, after: 0, lost: null });
      expect(history.publications).toEqual([]);
    });

    test('a limit ends the page, and the next page begins after it', async () => {
      const probe = await open();
      const { epoch } = await probe.publishMany('chat.a', 10);
      const pages: (number | undefined)[][] = [];
      for (let after = 0; after < 10; after += 4)
        pages.push(
          sequencesOf((await probe.read('chat.a', { after: { epoch, sequence: after }, limit: 4 })).publications),
        );
      expect(pages).toEqual([
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [9, 10],
      ]);
    });

    test('limit 0 only says where the request stands', async () => {
      const probe = await open();
      const { epoch } = await probe.publishMany('chat.a', 10);
      const history = await probe.read('chat.a', { after: { epoch, sequence: 4 }, limit: 0, maxBytes: 0 });
      expect(history).toMatchObject({ epoch, top: 10, first: 1, after: 4, lost: null, publications: [] });
    });

    test('before is exclusive', async () => {
      const probe = await open();
      const { epoch } = await probe.publishMany('chat.a', 10);
      const between = await probe.read('chat.a', { after: { epoch, sequence: 3 }, before: 7 });
      expect(sequencesOf(between.publications)).toEqual([4, 5, 6]);
      expect(sequencesOf((await probe.read('chat.a', { before: 3 })).publications)).toEqual([1, 2]);
      expect((await probe.read('chat.a', { before: 1 })).publications).toEqual([]);
      expect(sequencesOf((await probe.read('chat.a', { before: 100 })).publications)).toEqual(count(1, 10));
    });

    test('bytes end a page, but one message always comes', async () => {
      const probe = await open();
      const { epoch } = await probe.publishMany('chat.a', 10, padded);
      const page = await probe.read('chat.a', { after: { epoch, sequence: 2 }, maxBytes: 4 * BYTES });
      expect(page.publications.length).toBeGreaterThanOrEqual(1);
      expect(page.publications.length).toBeLessThanOrEqual(4);
      expect(sequencesOf(page.publications)).toEqual(count(3, 2 + page.publications.length));
      const tiny = await probe.read('chat.a', { after: { epoch, sequence: 2 }, maxBytes: 1 });
      expect(sequencesOf(tiny.publications)).toEqual([3]);
    });

    test('reading page by page within a few bytes gives everything once', async () => {
      const probe = await open();
      const { epoch } = await probe.publishMany('chat.a', 20, padded);
      const seen: (number | undefined)[] = [];
      while (seen.length < 20) {
        const { publications } = await probe.read('chat.a', {
          after: { epoch, sequence: seen.at(-1) ?? 0 },
          maxBytes: 3 * BYTES,
        });
        expect(publications.length).toBeGreaterThan(0);
        seen.push(...sequencesOf(publications));
      }
      expect(seen).toEqual(count(1, 20));
    });

    test('reversed, the newest come first', async () => {
      const probe = await open();
      await probe.publishMany('chat.a', 10);
      const newest = await probe.read('chat.a', { reverse: true, limit: 3 });
      expect(newest).toMatchObject({ top: 10, first: 1, lost: null });
      expect(sequencesOf(newest.publications)).toEqual([10, 9, 8]);
      expect(sequencesOf((await probe.read('chat.a', { reverse: true })).publications)).toEqual(
        count(1, 10).toReversed(),
      );
    });

    test('reversed, before is where the page starts and after where it ends, both exclusive', async () => {
      const probe = await open();
      const { epoch } = await probe.publishMany('chat.a', 10);
      const next = await probe.read('chat.a', { reverse: true, before: 8, limit: 2 });
      expect(sequencesOf(next.publications)).toEqual([7, 6]);
      const between = await probe.read('chat.a', { reverse: true, before: 8, after: { epoch, sequence: 4 } });
      expect(sequencesOf(between.publications)).toEqual([7, 6, 5]);
    });

    test('reversed, bytes end a page, but one message always comes', async () => {
      const probe = await open();
      await probe.publishMany('chat.a', 10, padded);
      const page = await probe.read('chat.a', { reverse: true, maxBytes: 4 * BYTES });
      expect(page.publications.length).toBeLessThanOrEqual(4);
      expect(sequencesOf(page.publications)).toEqual(count(11 - page.publications.length, 10).toReversed());
      expect(sequencesOf((await probe.read('chat.a', { reverse: true, maxBytes: 1 })).publications)).toEqual([10]);
    });

    test('since a time the messages of that time and later come', async () => {
      const probe = await open();
      for (const payload of ['1', '2', '3', '4']) {
        await probe.publish('chat.a', payload);
        await probe.under.pass(20);
      }
      const times = (await probe.read('chat.a')).publications.map(({ timestamp }) => timestamp);
      expect(new Set(times).size).toBe(4);
      const [, second = 0, third = 0, last = 0] = times;
      const since = await probe.read('chat.a', { after: { since: second } });
      expect(since).toMatchObject({ after: 1, lost: null });
      expect(sequencesOf(since.publications)).toEqual([2, 3, 4]);
      expect(sequencesOf((await probe.read('chat.a', { after: { since: second + 1 } })).publications)).toEqual([3, 4]);
      expect(sequencesOf((await probe.read('chat.a', { after: { since: third - 1 } })).publications)).toEqual([3, 4]);
      expect(await probe.read('chat.a', { after: { since: last + 1 } })).toMatchObject({ after: 4, publications: [] });
      expect(sequencesOf((await probe.read('chat.a', { after: { since: 0 } })).publications)).toEqual([1, 2, 3, 4]);
    });

    test('a topic that nobody knows is empty, and positions in it are of an unknown epoch', async () => {
      const probe = await open();
      const empty = { top: 0, first: 1, after: 0, publications: [] };
      expect(await probe.read('chat.nobody')).toMatchObject({ ...empty, lost: null });
      expect(await probe.read('chat.nobody', { after: { since: 0 } })).toMatchObject({ ...empty, lost: null });
      const held = await probe.read('chat.nobody', { after: { epoch: 'gone', sequence: 5 } });
      expect(held).toMatchObject({ ...empty, lost: 'unknown_epoch' });
    });

    test('a position of an unknown epoch goes on from the first message of the present one', async () => {
      const probe = await open();
      const { epoch } = await probe.publishMany('chat.a', 3);
      const history = await probe.read('chat.a', { after: { epoch: 'another', sequence: 2 } });
      expect(history).toMatchObject({ epoch, epochFirst: 1, top: 3, after: 0, lost: 'unknown_epoch' });
      expect(sequencesOf(history.publications)).toEqual([1, 2, 3]);
    });

    test('a position beyond the head has lost its history and goes on from the first message', async () => {
      const probe = await open();
      const { epoch } = await probe.publishMany('chat.a', 3);
      const history = await probe.read('chat.a', { after: { epoch, sequence: 4 } });
      expect(history).toMatchObject({ epoch, top: 3, after: 0, lost: 'history_lost' });
      expect(sequencesOf(history.publications)).toEqual([1, 2, 3]);
    });
  });
}
