import { describe, expect, test } from 'vitest';
import { UserLimits, type UserUsage } from './user-limits.ts';

const of = (user: string, tenant = ''): { tenant: string; user: string } => ({ tenant, user });

function entered(limits: UserLimits, user: string): UserUsage {
  const usage = limits.enter(of(user));
  if (usage === null) throw new Error(`${user} was not let in`);
  return usage;
}

const rate = { perSecond: 10, burst: 5 };

describe('connections', () => {
  test('as many as allowed per user, and one more when one left', () => {
    const limits = new UserLimits(rate, 2);
    expect(limits.enter(of('a'))).not.toBeNull();
    expect(limits.enter(of('a'))).not.toBeNull();
    expect(limits.enter(of('a'))).toBeNull();
    expect(limits.enter(of('b'))).not.toBeNull();
    limits.leave(of('a'), 0);
    expect(limits.enter(of('a'))).not.toBeNull();
    expect(limits.enter(of('a'))).toBeNull();
  });

  test('users of the same name of several tenants are several', () => {
    const limits = new UserLimits(rate, 1);
    expect(limits.enter(of('a', 'one'))).not.toBeNull();
    expect(limits.enter(of('a', 'two'))).not.toBeNull();
    expect(limits.enter(of('a', 'one'))).toBeNull();
    expect(limits.size).toBe(2);
    for (const tenant of ['one', 'two']) limits.leave(of('a', tenant), 0);
    expect(limits.size).toBe(0);
  });

  test('a refused one does not count', () => {
    const limits = new UserLimits(rate, 1);
    const usage = entered(limits, 'a');
    for (let count = 0; count < 3; count += 1) expect(limits.enter(of('a'))).toBeNull();
    expect(usage.connections).toBe(1);
    limits.leave(of('a'), 0);
    expect(limits.enter(of('a'))).not.toBeNull();
  });

  test('that nobody knows of can leave without harm', () => {
    const limits = new UserLimits(rate, 1);
    limits.leave(of('nobody'), 0);
    expect(limits.size).toBe(0);
  });
});

describe('the rate', () => {
  test('is shared by all connections of a user and by no other user', () => {
    const limits = new UserLimits(rate, 2);
    const [one, two, other] = [entered(limits, 'a'), entered(limits, 'a'), entered(limits, 'b')];
    expect(limits.take(one, 3, 0)).toBe(true);
    expect(limits.take(two, 3, 0)).toBe(false);
    expect(limits.take(two, 2, 0)).toBe(true);
    expect(limits.wait(one, 1, 0)).toBe(100);
    expect(limits.take(other, 5, 0)).toBe(true);
  });

  test('does not refill by leaving and coming again', () => {
    const limits = new UserLimits(rate, 2);
    limits.take(entered(limits, 'a'), 5, 0);
    limits.leave(of('a'), 0);
    expect(limits.size).toBe(1);
    const usage = entered(limits, 'a');
    expect([limits.take(usage, 1, 0), limits.take(usage, 1, 100)]).toEqual([false, true]);
  });
});

describe('users are forgotten', () => {
  test('at once when they leave with a full bucket', () => {
    const limits = new UserLimits(rate, 2);
    entered(limits, 'a');
    entered(limits, 'a');
    limits.leave(of('a'), 0);
    expect(limits.size).toBe(1);
    limits.leave(of('a'), 0);
    expect(limits.size).toBe(0);
  });

  test('by sweeping when their bucket is full again, and never while they are connected', () => {
    const limits = new UserLimits(rate, 2);
    for (const user of ['gone', 'here']) limits.take(entered(limits, user), 5, 0);
    limits.leave(of('gone'), 0);
    limits.sweep(499);
    expect(limits.size).toBe(2);
    limits.sweep(500);
    expect(limits.size).toBe(1);
    limits.sweep(1_000_000);
    expect(limits.size).toBe(1);
    expect(limits.enter(of('here'))?.connections).toBe(2);
  });
});

test('very many users are looked at in several turns', () => {
  const limits = new UserLimits(rate, 1);
  for (let at = 0; at < 4_500; at += 1) limits.visit({ tenant: at % 2 === 0 ? '' : 'acme', user: `user${at}` });
  const turns = [1, 2, 3].map(() => [limits.sweep(1), limits.size]);
  expect(turns).toEqual([
    ['has_time', 2_500],
    ['has_time', 500],
    ['nothing', 0],
  ]);
});

describe('a user who only visits', () => {
  test('has the bucket that the connections have, counts as no connection, and is forgotten when it is full', () => {
    const limits = new UserLimits(rate, 1);
    const visitor = limits.visit(of('a'));
    expect(limits.take(visitor, 4, 0)).toBe(true);
    expect(limits.level(visitor, 0)).toEqual({ limit: 5, remaining: 1, fullInMs: 400 });
    expect(entered(limits, 'a')).toBe(visitor);
    expect(limits.enter(of('a'))).toBeNull();
    expect(limits.visit(of('a'))).toBe(visitor);
    limits.leave(of('a'), 0);
    limits.sweep(399);
    expect(limits.visit(of('a'))).toBe(visitor);
    limits.sweep(400);
    expect(limits.size).toBe(0);
  });
});
