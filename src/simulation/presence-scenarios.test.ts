/** What becomes of members when nodes die, drain, are cut off, or remove a dead one and die of it: on virtual time. */
import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryPresenceStore } from '../presence/memory.ts';
import type { PresenceOptions } from '../presence/presence.ts';
import { appTopic } from '../protocol/topic.ts';
import { SimulatedPresenceNode } from './presence-node.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimulatedPresenceStore } from './simulated-presence.ts';
import { VirtualClock } from './virtual-clock.ts';

const T = 'chat.lobby';
const GRACE_MS = 15_000;
const LEASE_MS = 15_000;
/** Leases are renewed and looked at so often. */
const BEAT_MS = 5_000;
const OPTIONS: PresenceOptions = {
  batches: { batchMs: 250, largeBatchMs: 1_000, largeFrom: 100, retryMs: 1_000 },
  graceMs: GRACE_MS,
  perConnection: 50,
  rates: { changes: 10, windowMs: 10_000 },
};
const users = (count: number, prefix = 'u') => Array.from({ length: count }, (_, at) => `${prefix}${at}`);

interface Told {
  readonly at: number;
  readonly changes?: readonly { readonly op: string; readonly user: string; readonly reason?: string }[];
  readonly count: number;
  readonly entered?: number;
  readonly left?: number;
}

let clock: VirtualClock;
let store: SimulatedPresenceStore;
let told: Told[];

beforeEach(() => {
  clock = new VirtualClock();
  const make = (...args: ConstructorParameters<typeof MemoryPresenceStore>) => new MemoryPresenceStore(...args);
  store = new SimulatedPresenceStore({ from: 200, below: 150 }, clock, new SeededRandom(1), make);
  store.isHealed = true;
  told = [];
  store.told = (payload) => told.push({ at: clock.elapsed(), ...(JSON.parse(payload) as Omit<Told, 'at'>) });
});

function node(instance: string, more: { readonly skewMs?: number; readonly paceMs?: number } = {}) {
  return new SimulatedPresenceNode({ instance, options: OPTIONS, store, clock, ...more });
}

/** Each user has a connection of its own, whose name says which one of them. */
function enter({ presence, instance }: SimulatedPresenceNode, names: readonly string[], topic = T): void {
  for (const user of names)
    presence.enter(`${instance} ${user}`, topic, { member: user, who: `"user":"${user}"` }, '{}', () => {});
}

const leaves = () => told.flatMap(({ changes = [] }) => changes.filter(({ op }) => op === 'leave'));
const count = () => store.page(T).count;

describe.each([0, 300_000, -300_000])('with the clock of a node wrong by %i ms', (skewMs) => {
  test('a killed node with a thousand members costs one batch of leaves, after lease and grace', () => {
    const [victim, witness] = [node('victim', { skewMs }), node('witness')];
    enter(victim, users(1_000));
    enter(witness, ['eve']);
    clock.advance(20_000);
    expect(count()).toBe(1_001);
    told = [];
    const killedAt = clock.elapsed();
    victim.kill();
    clock.advance(120_000);
    expect(told.map(({ entered, left }) => [entered, left])).toEqual([[0, 1_000]]);
    expect(count()).toBe(1);
    const tookMs = (told[0]?.at ?? 0) - killedAt;
    expect(tookMs).toBeGreaterThan(LEASE_MS - BEAT_MS + GRACE_MS);
    expect(tookMs).toBeLessThan(LEASE_MS + GRACE_MS + 3 * BEAT_MS);
    expect(witness.counters.presenceReaped).toBe(1_000);
  });

  test('D-14: an application is told once, on the node that removes, of the users whom a killed node had alone', () => {
    const [victim, ...others] = [node('victim', { skewMs }), node('one'), node('two')];
    const place = appTopic('', 'chat', 'online');
    const news: string[] = [];
    for (const { presence } of [victim, ...others])
      presence.watch('@app.chat.', (_, touched) => {
        for (const { member, isPresent } of touched) news.push(`${member} ${isPresent ? 'on' : 'off'}`);
      });
    enter(victim, users(3), place);
    for (const other of others.slice(0, 1)) enter(other, ['u0'], place);
    clock.advance(20_000);
    expect(news.splice(0).toSorted()).toEqual(['u0 on', 'u1 on', 'u2 on']);
    victim.kill();
    clock.advance(120_000);
    expect(news).toEqual(['u1 off', 'u2 off']);
  });

  test('a drained node with a thousand members costs no leave when they come back within the grace', () => {
    const [old, fresh] = [node('old', { skewMs }), node('fresh')];
    enter(old, users(1_000));
    clock.advance(20_000);
    told = [];
    old.presence.drain();
    for (const user of users(1_000)) old.presence.closed(`old ${user}`, false);
    clock.advance(2_000);
    old.kill();
    clock.advance(5_000);
    enter(fresh, users(1_000));
    clock.advance(120_000);
    expect(told).toEqual([]);
    expect(count()).toBe(1_000);
  });

  test('a node that is cut off for longer than its lease is removed, and tells its members anew when it is back', () => {
    const [cut, other] = [node('cut', { skewMs }), node('other')];
    enter(cut, users(10));
    enter(other, ['eve', 'u0']);
    clock.advance(20_000);
    told = [];
    cut.cutUntil = clock.elapsed() + 90_000;
    clock.advance(89_000);
    // One of them is on the other node too, and has never left.
    expect(leaves().map(({ user, reason }) => `${user} ${reason}`)).toEqual(
      users(10)
        .slice(1)
        .map((user) => `${user} node_lost`),
    );
    expect(count()).toBe(2);
    clock.advance(60_000);
    expect(count()).toBe(11);
    expect(cut.presence.owner).toBe('cut.2');
    const entered = told.flatMap(({ changes = [] }) => changes.filter(({ op }) => op !== 'leave'));
    expect(entered.map(({ op, user }) => `${op} ${user}`)).toEqual(
      users(10)
        .slice(1)
        .map((user) => `enter ${user}`),
    );
    clock.advance(120_000);
    expect(leaves()).toHaveLength(9);
  });
});

test('a node that is cut off for less than lease and grace has lost nobody', () => {
  const [cut] = [node('cut'), node('other')];
  enter(cut, users(10));
  clock.advance(20_000);
  told = [];
  cut.cutUntil = clock.elapsed() + 20_000;
  clock.advance(120_000);
  expect([told, count(), cut.presence.owner]).toEqual([[], 10, 'cut.1']);
});

test('what a node that removes a dead one leaves undone, because it dies itself, another one does', () => {
  const [victim, reaper] = [node('victim'), node('reaper', { paceMs: 1_000 })];
  const topics = users(20, 'room.r');
  for (const topic of topics) enter(victim, [`${topic}.a`, `${topic}.b`], topic);
  clock.advance(5_000);
  victim.kill();
  while (leaves().length < 10) clock.advance(500);
  reaper.kill();
  clock.advance(60_000);
  expect(leaves().length).toBeLessThan(topics.length);
  node('third');
  clock.advance(60_000);
  const left = leaves().map(({ user }) => user);
  expect(left.toSorted()).toEqual(topics.flatMap((topic) => [`${topic}.a`, `${topic}.b`]).toSorted());
});

test('nodes that remove a dead one at the same time tell each leave once', () => {
  const [victim, ...reapers] = [node('victim'), node('one', { paceMs: 50 }), node('two', { paceMs: 50 })];
  const topics = users(50, 'room.r');
  for (const topic of topics) enter(victim, [`${topic}.a`], topic);
  clock.advance(5_000);
  victim.kill();
  clock.advance(120_000);
  expect(
    leaves()
      .map(({ user }) => user)
      .toSorted(),
  ).toEqual(topics.map((topic) => `${topic}.a`).toSorted());
  // Both were at it: the store of the simulation keeps neither from it.
  for (const { counters } of reapers) expect(counters.presenceReaped).toBeGreaterThan(0);
});

test('after data was thrown away all nodes tell their members anew, and nobody is told to have left', () => {
  const nodes = [node('one'), node('two')] as const;
  enter(nodes[0], users(30, 'a'));
  enter(nodes[1], users(30, 'b'));
  clock.advance(10_000);
  told = [];
  store.empty();
  clock.advance(60_000);
  expect([count(), leaves()]).toEqual([60, []]);
});

test('at rest a thousand members ask no more of the store than none', () => {
  const [busy] = [node('busy'), node('idle')];
  const inTwoMinutes = (): number => {
    clock.advance(10_000);
    const before = store.calls;
    clock.advance(120_000);
    return store.calls - before;
  };
  const without = inTwoMinutes();
  enter(busy, users(1_000));
  expect(inTwoMinutes()).toBe(without);
  expect(without).toBe((2 * 120_000) / BEAT_MS);
});
