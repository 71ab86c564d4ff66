import { expect, test } from 'vitest';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { TenantTurns } from './tenant-turns.ts';

function turns(limits: Partial<ConstructorParameters<typeof TenantTurns>[0]> = {}) {
  const clock = new VirtualClock();
  const all = new TenantTurns({ atOnce: 2, atOnceOfTenant: 2, waiting: 5, waitingInAll: 50, ...limits }, clock);
  const order: string[] = [];
  const leaves: (() => void)[] = [];
  const enter = async (tenant: string, user = 'ada', signal = new AbortController().signal): Promise<boolean> => {
    const leave = await all.enter({ tenant, user }, 1_000, signal);
    order.push(`${tenant}/${user}${leave === null ? ' out' : ''}`);
    if (leave !== null) leaves.push(leave);
    return leave !== null;
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  /** The one that is longest inside goes. */
  const leave = async (): Promise<void> => {
    leaves.shift()?.();
    await settle();
  };
  return { clock, all, order, enter, leave, settle };
}

test('a tenant has no more places than its own, however many are free', async () => {
  const { all, order, enter, leave, settle } = turns({ atOnce: 10, atOnceOfTenant: 2 });
  for (let left = 0; left < 4; left += 1) void enter('a', `u${left}`);
  void enter('b');
  await settle();
  expect([order, all.underWay, all.waiting]).toEqual([['a/u0', 'a/u1', 'b/ada'], 3, 2]);
  await leave();
  expect(order.at(-1)).toBe('a/u2');
});

test('tenants take turns, and so do the users of one', async () => {
  const { order, enter, leave, settle } = turns({ atOnce: 1, atOnceOfTenant: 1 });
  void enter('a', 'ada');
  await settle();
  for (const user of ['ada', 'ada', 'bob']) void enter('a', user);
  void enter('b', 'cyd');
  await settle();
  for (let left = 0; left < 4; left += 1) await leave();
  expect(order).toEqual(['a/ada', 'b/cyd', 'a/ada', 'a/bob', 'a/ada']);
});

test('who gives up, waits too long, or comes when too many wait leaves nothing behind', async () => {
  const { clock, all, order, enter, leave, settle } = turns({
    atOnce: 1,
    atOnceOfTenant: 1,
    waiting: 1,
    waitingInAll: 2,
  });
  void enter('a');
  await settle();
  const caller = new AbortController();
  const waiting = [enter('a', 'bob', caller.signal), enter('b')];
  await settle();
  expect(await enter('c')).toBe(false);
  caller.abort();
  expect(await waiting[0]).toBe(false);
  clock.advance(1_000);
  expect(await waiting[1]).toBe(false);
  await leave();
  expect([all.underWay, all.waiting, clock.pendingTimers]).toEqual([0, 0, 0]);
  expect(order).toEqual(['a/ada', 'c/ada out', 'a/bob out', 'b/ada out']);
  expect(await enter('c')).toBe(true);
});
