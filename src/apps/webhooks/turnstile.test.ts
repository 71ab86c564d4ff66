import { expect, test } from 'vitest';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { Turnstile } from './turnstile.ts';

test('those beyond the bound wait in order, and the one that leaves gives its place on', async () => {
  const turnstile = new Turnstile({ atOnce: 1, waiting: 2 }, new VirtualClock());
  const entered: string[] = [];
  expect(await turnstile.enter(1_000)).toBe(true);
  const first = turnstile.enter(1_000).then((isIn) => entered.push(`first ${isIn}`));
  const second = turnstile.enter(1_000).then((isIn) => entered.push(`second ${isIn}`));
  expect(await turnstile.enter(1_000), 'a third has no place to wait').toBe(false);
  turnstile.leave();
  await first;
  expect(turnstile.underWay).toBe(1);
  turnstile.leave();
  await second;
  expect(entered).toEqual(['first true', 'second true']);
  turnstile.leave();
  expect(turnstile.underWay).toBe(0);
});

test('callers that wait give up in time and leave no trace', async () => {
  const clock = new VirtualClock();
  const turnstile = new Turnstile({ atOnce: 1, waiting: 1 }, clock);
  await turnstile.enter(1_000);
  const waiting = turnstile.enter(100);
  clock.advance(100);
  expect(await waiting).toBe(false);
  turnstile.leave();
  expect(turnstile.underWay).toBe(0);
  expect(clock.pendingTimers).toBe(0);
});
