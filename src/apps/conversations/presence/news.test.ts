/** Users that come and go while nodes are killed, slow or without their database: members are told, once. */
import { expect, test } from 'vitest';
import type { JsonValue } from '../../../protocol/frames.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import type { Host } from '../../host-api.ts';
import { NewsOfNodes, type News } from './news.ts';

interface Node {
  readonly news: NewsOfNodes;
  /** What it has told members. */
  readonly told: News[];
  isReady: boolean;
  /** Its own news wait for something else. */
  isStuck: boolean;
  kill(): void;
}

function nodes(count: number): {
  readonly clock: VirtualClock;
  readonly all: readonly Node[];
  readonly words: number[];
} {
  const clock = new VirtualClock();
  const handlers = new Map<string, (data: JsonValue, from: { readonly node: string }) => void>();
  const words: number[] = [];
  const all = Array.from({ length: count }, (_, at): Node => {
    const node = `n${at}`;
    let isAlive = true;
    const host: Pick<Host, 'node' | 'emit' | 'on' | 'clock' | 'scheduler'> = {
      node,
      clock,
      scheduler: clock,
      emit: (_event, data) => {
        if (!isAlive) return;
        words.push(JSON.stringify(data).length);
        for (const handler of [...handlers.values()]) handler(data, { node });
      },
      on: (_event, handler) =>
        void handlers.set(node, handler as (data: JsonValue, from: { readonly node: string }) => void),
    };
    const told: News[] = [];
    const made: Node = {
      news: new NewsOfNodes(
        host,
        () => made.isReady,
        (news) => {
          if (made.isStuck) return;
          told.push(news);
          made.news.done(news);
        },
      ),
      told,
      isReady: true,
      isStuck: false,
      kill: () => {
        isAlive = false;
        handlers.delete(node);
        made.news.stop();
      },
    };
    return made;
  });
  return { clock, all, words };
}

const OFFLINE: News = { id: 'i1', tenant: '', user: 'ada', isPresent: false };

function pass(clock: VirtualClock, ms: number): void {
  for (let at = 0; at < ms; at += 100) {
    clock.endTurn();
    clock.advance(100);
  }
  clock.endTurn();
}

const toldBy = (all: readonly Node[]): number[] => all.map(({ told }) => told.length);

test('D-14: a change is told by the node that hears of it, when all have heard its word, and by nobody else', () => {
  const { clock, all } = nodes(3);
  all[0]?.news.begin(OFFLINE);
  expect(toldBy(all)).toEqual([0, 0, 0]);
  pass(clock, 60_000);
  expect(toldBy(all)).toEqual([1, 0, 0]);
});

test('D-14: a node whose word nobody hears, not itself either, tells members all the same', () => {
  const { clock, all } = nodes(1);
  all[0]?.news.begin(OFFLINE);
  clock.advance(2_000);
  expect(toldBy(all)).toEqual([1]);
});

test('D-14: a change whose node is killed before it has told it is told by the others under its id', () => {
  const { clock, all } = nodes(3);
  const [home, ...others] = all;
  if (home === undefined) throw new Error('expected nodes');
  home.isStuck = true;
  home.news.begin(OFFLINE);
  clock.endTurn();
  home.kill();
  pass(clock, 1_500);
  expect(toldBy(all)).toEqual([0, 0, 0]);
  pass(clock, 60_000);
  const told = others.flatMap((node) => node.told);
  expect(told.length).toBeGreaterThan(0);
  // Two that speak in the same moment do so under one id, by which members are told once.
  expect(new Set(told.map(({ id }) => id))).toEqual(new Set(['i1']));
});

test('D-14: while the database is away nobody takes over, and when it is back its own node goes first', () => {
  const { clock, all } = nodes(2);
  const [home] = all;
  if (home === undefined) throw new Error('expected nodes');
  home.isStuck = true;
  for (const node of all) node.isReady = false;
  home.news.begin(OFFLINE);
  pass(clock, 120_000);
  for (const node of all) node.isReady = true;
  pass(clock, 1_000);
  home.news.done(OFFLINE);
  pass(clock, 60_000);
  expect(toldBy(all)).toEqual([0, 0]);
});

test('D-14: of a user who comes and goes only the newest change counts, whichever nodes heard of them', () => {
  const { clock, all } = nodes(3);
  for (const node of all.slice(0, 2)) node.isStuck = true;
  all[0]?.news.begin(OFFLINE);
  clock.endTurn();
  all[1]?.news.begin({ ...OFFLINE, id: 'i2', isPresent: true });
  clock.endTurn();
  for (const at of [0, 1]) all[at]?.kill();
  pass(clock, 10_000);
  expect(all[2]?.told).toEqual([{ ...OFFLINE, id: 'i2', isPresent: true }]);
});

test('a node that is lost with hundreds of users is told in words that nodes may tell each other', () => {
  const { clock, all, words } = nodes(2);
  const [home] = all;
  if (home === undefined) throw new Error('expected nodes');
  home.isStuck = true;
  // Each of these is six characters in JSON.
  const user = '\u0001'.repeat(250);
  for (let at = 0; at < 300; at += 1) home.news.begin({ ...OFFLINE, id: `i${at}`, user: `${user}${at}` });
  clock.endTurn();
  home.kill();
  pass(clock, 5_000);
  expect(all[1]?.told).toHaveLength(300);
  for (const size of words) expect(size).toBeLessThan(65_536);
});
