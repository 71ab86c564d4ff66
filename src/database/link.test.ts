/** The link and the group commit on virtual time, over a database that is slow, goes away and loses answers. */
import { beforeEach, describe, expect, test } from 'vitest';
import { SimulatedDatabase } from '../simulation/simulated-database.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { silentLog } from '../telemetry/log.ts';
import type { DatabaseDriver, Session } from './driver.ts';
import { DatabaseError } from './database-error.ts';
import { GroupCommit, type GroupCommitOptions } from './group-commit.ts';
import { DatabaseLink } from './link.ts';
import { problemOf } from './test-rig.ts';

/** Remembers what was stored, in place of tables. */
class Shelf implements DatabaseDriver {
  readonly name = 'postgresql';
  readonly place = 'shelf';
  readonly stored: unknown[] = [];
  version = 15;

  async acquire(): Promise<Session> {
    const nothing = async (): Promise<void> => {};
    return {
      query: async (text, values) => {
        if (text === 'store') this.stored.push(...values);
        return { rows: [{ version: this.version, encoding: 'UTF8', isReplica: false }], count: values.length };
      },
      script: nothing,
      begin: nothing,
      commit: nothing,
      rollback: nothing,
      release: () => {},
    };
  }

  usage(): { readonly idle: number; readonly busy: number; readonly waiting: number; readonly lost: number } {
    return { idle: 0, busy: 0, waiting: 0, lost: 0 };
  }

  async stop(): Promise<void> {}
}

const clock = new VirtualClock();
const ports = { clock, scheduler: clock, log: silentLog, prepare: async (): Promise<readonly string[]> => [] };

/** Time passes, and work that waited for it goes on. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left >= 0; left -= 5) {
    clock.endTurn();
    clock.advance(Math.min(5, left));
    for (let at = 0; at < 20; at += 1) await Promise.resolve();
  }
}

describe('the link', () => {
  let shelf: Shelf;
  let database: SimulatedDatabase;
  let link: DatabaseLink;
  beforeEach(async () => {
    shelf = new Shelf();
    database = new SimulatedDatabase(shelf, clock);
    link = new DatabaseLink(database, ports);
    await link.start();
  });

  test('A-24: tries three times with longer pauses before it says that the database is away; then nobody waits', async () => {
    database.isAway = true;
    const started = clock.elapsed();
    let refusedAfter = 0;
    const first = problemOf(link.acquire()).finally(() => (refusedAfter = clock.elapsed() - started));
    await pass(1_000);
    expect(await first).toBe('away');
    expect(refusedAfter).toBeGreaterThanOrEqual(350);
    expect(refusedAfter).toBeLessThan(400);
    expect(await problemOf(link.acquire())).toBe('away');
    expect(link.usage().failures.get('away')).toBe(2);
  });

  test('a restart shorter than the attempts is noticed by nobody', async () => {
    database.isAway = true;
    const session = link.acquire();
    await pass(100);
    database.isAway = false;
    await pass(100);
    await expect(session).resolves.toBeDefined();
    expect(link.trouble).toBe(null);
  });

  test('what was left undone is told each time the database is ready again', async () => {
    let ready = 0;
    link.onReady(() => (ready += 1));
    for (const times of [2, 3]) {
      database.isAway = true;
      void problemOf(link.acquire());
      await pass(1_000);
      expect(link.trouble).toBe('away');
      database.isAway = false;
      await pass(2_500);
      expect([link.trouble, ready]).toEqual([null, times]);
    }
  });

  test('a server that is too old is unfit until there is another', async () => {
    shelf.version = 14;
    database.isAway = true;
    void problemOf(link.acquire());
    await pass(1_000);
    database.isAway = false;
    await pass(2_500);
    expect(link.trouble).toBe('unfit');
    shelf.version = 17;
    await pass(2_500);
    expect(link.trouble).toBe(null);
  });
});

test('tables that are missing and tables that cannot be made are two troubles, each told once, and both end by themselves', async () => {
  let found: readonly string[] | DatabaseError = ['notes 0001'];
  const told: string[] = [];
  const log = { ...silentLog, error: (message: string) => void told.push(message) };
  const prepare = async (): Promise<readonly string[]> => {
    if (found instanceof DatabaseError) throw found;
    return found;
  };
  const link = new DatabaseLink(new SimulatedDatabase(new Shelf(), clock), { ...ports, log, prepare });
  await link.start();
  await pass(5_000);
  expect(link.trouble).toBe('unmigrated');
  found = new DatabaseError('refused', 'permission denied for database chat (42501)');
  await pass(5_000);
  expect(link.trouble).toBe('unmigratable');
  expect(told).toEqual([expect.stringContaining('lacks migrations'), 'Database cannot be migrated']);
  found = [];
  await pass(5_000);
  expect(link.trouble).toBe(null);
  await link.stop();
});

describe('the group commit', () => {
  let shelf: Shelf;
  let database: SimulatedDatabase;
  let sizes: number[];
  beforeEach(() => {
    shelf = new Shelf();
    database = new SimulatedDatabase(shelf, clock);
    sizes = [];
  });

  function groupOf(more: Partial<GroupCommitOptions<number, number>> = {}): GroupCommit<number, number> {
    const write = async (items: readonly number[]): Promise<readonly number[]> => {
      sizes.push(items.length);
      const session = await database.acquire();
      await session.query('store', items);
      return items;
    };
    return new GroupCommit({ write, ...more }, clock, () => {});
  }

  test('batches grow with the load: what comes while one is under way is the next one', async () => {
    database.latencyMs = 10;
    const group = groupOf();
    const first = [1, 2].map((item) => group.put(item));
    await pass(5);
    const second = Array.from({ length: 40 }, (_, at) => group.put(10 + at));
    await pass(100);
    expect(await Promise.all([...first, ...second])).toHaveLength(42);
    expect(sizes).toEqual([2, 40]);
    expect(shelf.stored.slice(0, 3)).toEqual([1, 2, 10]);
  });

  test('what was stored without an answer is unknown to every one of the batch, and is not written again', async () => {
    const group = groupOf();
    database.lostAnswers = 1;
    const outcomes = [1, 2].map((item) => problemOf(group.put(item)));
    await pass(10);
    expect(await Promise.all(outcomes)).toEqual(['unknown', 'unknown']);
    expect(shelf.stored).toEqual([1, 2]);
    expect(sizes).toEqual([2]);
  });

  test('lanes go on beside each other, and what is of one lane stays in order', async () => {
    database.latencyMs = 10;
    const group = groupOf({ lanes: 4, laneOf: (item) => String(item % 4) });
    const all = Array.from({ length: 8 }, (_, at) => group.put(at));
    await pass(40);
    await Promise.all(all);
    expect(sizes.length).toBeGreaterThan(1);
    expect(shelf.stored.filter((item) => Number(item) % 4 === 1)).toEqual([1, 5]);
  });

  test('more than may wait is refused at once, and room comes when the others are stored', async () => {
    const group = groupOf({ maxWaiting: 2 });
    const first = [1, 2].map((item) => group.put(item));
    expect(await problemOf(group.put(3))).toBe('exhausted');
    await pass(10);
    await Promise.all(first);
    const again = group.put(3);
    await pass(10);
    expect(await again).toBe(3);
    await group.settled();
  });

  test('a write that gives too few answers fails for all, and says so', async () => {
    const group = groupOf({ write: async () => [1] });
    const outcomes = [1, 2].map((item) => problemOf(group.put(item)));
    await pass(10);
    expect((await Promise.all(outcomes))[0]).toContain('expected an answer for each of 2 items, got 1');
  });

  test('a problem of one item alone is told with its name', async () => {
    const write = async (items: readonly number[]): Promise<readonly number[]> => {
      if (items.includes(2)) throw new DatabaseError('constraint', 'no twos');
      return items;
    };
    const group = groupOf({ write });
    const outcomes = [1, 2, 3].map((item) => problemOf(group.put(item)));
    await pass(10);
    expect(await Promise.all(outcomes)).toEqual(['none', 'constraint', 'none']);
  });
});
