import { expect, test } from 'vitest';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { FairTurns } from './fair-turns.ts';

function turns(limits = { atOnce: 1, waiting: 3, waitingInAll: 5 }): {
  readonly clock: VirtualClock;
  readonly fair: FairTurns;
  readonly order: string[];
  readonly enter: (owner: string, patienceMs?: number, signal?: AbortSignal) => Promise<boolean>;
} {
  const clock = new VirtualClock();
  const fair = new FairTurns(limits, clock);
  const order: string[] = [];
  const enter = async (owner: string, patienceMs = 1_000, signal?: AbortSignal): Promise<boolean> => {
    const isIn = await fair.enter(owner, patienceMs, signal);
    order.push(`${owner}: ${isIn ? 'in' : 'out'}`);
    return isIn;
  };
  return { clock, fair, order, enter };
}

test('owners take turns: the second of one comes behind the first of another', async () => {
  const { fair, order, enter } = turns();
  await enter('a');
  const rest = [enter('a'), enter('a'), enter('b'), enter('c')];
  for (const it of rest) void it;
  for (let left = 0; left < 4; left += 1) {
    fair.leave();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(order).toEqual(['a: in', 'a: in', 'b: in', 'c: in', 'a: in']);
  fair.leave();
  expect([fair.underWay, fair.waiting]).toEqual([0, 0]);
});

test('an owner has so many places in the queue, and all of them together have so many', async () => {
  const { fair, enter } = turns();
  await enter('a');
  const waiting = [1, 2, 3].map(() => enter('a'));
  expect(await enter('a')).toBe(false);
  void enter('b');
  void enter('b');
  expect(await enter('c')).toBe(false);
  expect(fair.waiting).toBe(5);
  expect(waiting).toHaveLength(3);
});

test('a waiter goes when its time is over, and when its caller gives up, and leaves nothing behind', async () => {
  const { clock, fair, enter } = turns();
  await enter('a');
  const late = enter('b', 50);
  const caller = new AbortController();
  const gone = enter('c', 1_000, caller.signal);
  caller.abort();
  expect(await gone).toBe(false);
  clock.advance(51);
  expect(await late).toBe(false);
  expect(await enter('d', 1_000, caller.signal)).toBe(false);
  expect(fair.waiting).toBe(0);
  fair.leave();
  expect(fair.underWay).toBe(0);
});

test('those of one owner beyond the bound wait in order, and the one that leaves gives its place on', async () => {
  const fair = new FairTurns({ atOnce: 1, waiting: 2, waitingInAll: 2 }, new VirtualClock());
  const entered: string[] = [];
  expect(await fair.enter('', 1_000)).toBe(true);
  const first = fair.enter('', 1_000).then((isIn) => entered.push(`first ${isIn}`));
  const second = fair.enter('', 1_000).then((isIn) => entered.push(`second ${isIn}`));
  expect(await fair.enter('', 1_000), 'a third has no place to wait').toBe(false);
  fair.leave();
  await first;
  expect(fair.underWay).toBe(1);
  fair.leave();
  await second;
  expect(entered).toEqual(['first true', 'second true']);
  fair.leave();
  expect(fair.underWay).toBe(0);
});

test('callers that wait give up in time and leave no trace', async () => {
  const clock = new VirtualClock();
  const fair = new FairTurns({ atOnce: 1, waiting: 1, waitingInAll: 1 }, clock);
  await fair.enter('', 1_000);
  const waiting = fair.enter('', 100);
  clock.advance(100);
  expect(await waiting).toBe(false);
  fair.leave();
  expect(fair.underWay).toBe(0);
  expect(clock.pendingTimers).toBe(0);
});
