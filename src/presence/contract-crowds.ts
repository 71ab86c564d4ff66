/** The contract of stores of presence where many are present and much changes while others read. */
import { describe, expect, test } from 'vitest';
import { A, B, enter, inOrder, leave, Reader, T, type Probe } from './contract-probe.ts';
import { REMOVED_AT_ONCE, type CountMode, type PresenceChange } from './presence-store.ts';

/** The members, as the node that writes them knows. */
class Truth {
  private readonly entries = new Map<string, { readonly user: string; readonly data: string }>();
  private lastNumber = 0;
  private readonly probe: Probe;

  private readonly prefix: string;

  constructor(probe: Probe, prefix = 'u') {
    this.probe = probe;
    this.prefix = prefix;
  }

  get members(): ReadonlyMap<string, string> {
    return inOrder([...this.entries.values()].map(({ user, data }) => [user, data]));
  }

  async enter(count: number, owner = A): Promise<void> {
    const batch: PresenceChange[] = [];
    for (let at = 0; at < count; at += 1) {
      const user = `${this.prefix}${this.lastNumber}`;
      this.lastNumber += 1;
      this.entries.set(user, { user, data: '{}' });
      batch.push(enter(user, user));
    }
    await this.probe.apply(owner, batch);
  }

  /** The first ones, in the order in which they came. */
  async leave(count: number): Promise<void> {
    const gone = [...this.entries.keys()].slice(0, count);
    for (const entry of gone) this.entries.delete(entry);
    await this.probe.apply(
      A,
      gone.map((entry) => leave(entry)),
    );
  }

  /** The last ones say something else. */
  async update(count: number, number: number): Promise<void> {
    const data = JSON.stringify({ number });
    const some = [...this.entries.keys()].slice(-count);
    for (const user of some) this.entries.set(user, { user, data });
    await this.probe.apply(
      A,
      some.map((user) => enter(user, user, data)),
    );
  }
}

export function crowdContract(start: (mode?: CountMode) => Promise<Probe>): void {
  describe('crowds', () => {
    test('of ten thousand are told as short counts, and their pages have everybody', async () => {
      const probe = await start({ from: 200, below: 150 });
      const truth = new Truth(probe);
      for (let batch = 0; batch < 20; batch += 1) await truth.enter(500);
      const told = (await probe.told()) as readonly object[];
      expect(told).toHaveLength(20);
      expect(told.at(-1)).toEqual({ count: 10_000, entered: 500, left: 0 });
      expect(JSON.stringify(told).length).toBeLessThan(20 * 100);
      const reader = new Reader(probe);
      expect((await reader.known(500)).size).toBe(10_000);
      expect(reader.pages).toBeLessThan(100);
      expect(await probe.ask((store, reply) => store.counts([T], reply))).toEqual([10_000]);
    });

    test('that a dead owner leaves are told as one count, however many parts their removal has', async () => {
      const probe = await start({ from: 200, below: 150 });
      await new Truth(probe).enter(REMOVED_AT_ONCE * 2 + 100);
      const stay = Array.from({ length: 160 }, (_, at) => enter(`s${at}`, `s${at}`));
      await probe.apply(B, stay);
      const before = (await probe.told()).length;
      await probe.ask((store, reply) => store.end(A, reply));
      for (let isMore = true; isMore;) ({ isMore } = (await probe.remove(A)) as { readonly isMore: boolean });
      const counts = { count: 160, entered: 0, left: REMOVED_AT_ONCE * 2 + 100 };
      expect((await probe.told()).slice(before)).toEqual([counts]);
      // Half a removal: whatever is told next tells of its leaves too.
      await new Truth(probe, 'again').enter(REMOVED_AT_ONCE + 100, 'node-c.1');
      await probe.ask((store, reply) => store.end('node-c.1', reply));
      await probe.remove('node-c.1');
      await probe.apply(B, [leave('s0')]);
      expect((await probe.told()).at(-1)).toEqual({ count: 259, entered: 0, left: REMOVED_AT_ONCE + 1 });
    });

    test('that cross the threshold both ways while pages are read are known in the end', async () => {
      const probe = await start({ from: 1_200, below: 1_000 });
      const truth = new Truth(probe);
      await truth.enter(1_100);
      const reader = new Reader(probe);
      await reader.begin();
      for (let round = 0; await reader.page(100); round += 1) {
        // Up over the threshold, down below the other, and up again, all between the pages of one reader.
        if (round === 1) await truth.enter(200);
        if (round === 3) await truth.leave(370);
        if (round === 5) await truth.enter(10);
      }
      const told = (await probe.told()) as readonly { readonly changes?: unknown; readonly count: number }[];
      expect(told.slice(-3).map(({ changes, count }) => [changes !== undefined, count])).toEqual([
        [false, 1_300],
        [false, 930],
        [true, 940],
      ]);
      expect(await reader.known(200)).toEqual(truth.members);
    });

    test('that change a thousand times while pages are read are known in the end', async () => {
      const probe = await start({ from: 10_000, below: 9_000 });
      const truth = new Truth(probe);
      await truth.enter(400);
      const stays = [...truth.members.keys()].slice(-50);
      const reader = new Reader(probe);
      await reader.begin();
      let changes = 0;
      for (let number = 0; changes < 1_000; number += 1) {
        await truth.enter(10);
        await truth.leave(10);
        await truth.update(20, number);
        changes += 40;
        const isMore = await reader.page(20);
        if (!isMore) expect(stays.filter((user) => truth.members.has(user) && !reader.members.has(user))).toEqual([]);
      }
      while (await reader.page(20));
      expect(await reader.known(100)).toEqual(truth.members);
      // Without a second look at the pages: the changes alone have mended what the pages had of before.
      expect(reader.pages).toBeLessThan(50);
    });
  });

  test('of two devices of a user the last word counts, and stays when that device goes', async () => {
    const probe = await start();
    await probe.apply(A, [enter('phone', 'ada', '{"on":"phone"}')]);
    await probe.apply(B, [enter('desk', 'ada', '{"on":"desk"}')]);
    expect((await probe.page()).members).toMatchObject([{ data: '{"on":"desk"}', connections: 2 }]);
    await probe.apply(B, [leave('desk')]);
    expect((await probe.page()).members).toMatchObject([{ data: '{"on":"desk"}', connections: 1 }]);
    await probe.apply(A, [enter('phone', 'ada', '{"on":"phone","away":true}')]);
    await probe.apply(A, [leave('phone')]);
    const told = (await probe.told()) as readonly { readonly changes: readonly { op: string; data?: unknown }[] }[];
    expect(told.flatMap(({ changes }) => changes.map(({ op, data }) => [op, data]))).toEqual([
      ['enter', { on: 'phone' }],
      ['update', { on: 'desk' }],
      ['update', { on: 'phone', away: true }],
      ['leave', undefined],
    ]);
  });
}
