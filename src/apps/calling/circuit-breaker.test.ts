import { expect, test } from 'vitest';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { CircuitBreaker, type BreakerState } from './circuit-breaker.ts';

function breaker() {
  const clock = new VirtualClock();
  const states: BreakerState[] = [];
  return {
    clock,
    states,
    breaker: new CircuitBreaker({ failures: 3, openMs: 1_000 }, clock, (state) => states.push(state)),
  };
}

test('it opens after failures in a row, and not after as many with an answer between', () => {
  const { breaker: it } = breaker();
  it.failed();
  it.failed();
  it.succeeded();
  it.failed();
  it.failed();
  expect(it.admits()).toBe(true);
  it.failed();
  expect(it.state).toBe('open');
  expect(it.admits()).toBe(false);
});

test('one call tries after a while, and its answer closes it', () => {
  const { clock, breaker: it, states } = breaker();
  for (let n = 0; n < 3; n += 1) it.failed();
  expect(it.waitMs).toBe(1_000);
  clock.advance(999);
  expect(it.admits()).toBe(false);
  clock.advance(1);
  expect(it.admits()).toBe(true);
  expect(it.admits(), 'a second one beside it').toBe(false);
  it.succeeded();
  expect(it.admits()).toBe(true);
  expect(states).toEqual(['open', 'half_open', 'closed']);
});

test('a try that fails opens it again for the whole time', () => {
  const { clock, breaker: it } = breaker();
  for (let n = 0; n < 3; n += 1) it.failed();
  clock.advance(1_000);
  expect(it.admits()).toBe(true);
  it.failed();
  expect(it.state).toBe('open');
  clock.advance(999);
  expect(it.admits()).toBe(false);
  clock.advance(1);
  expect(it.admits()).toBe(true);
});

test('calls that were under way when it opened do not keep it open', () => {
  const { clock, breaker: it } = breaker();
  for (let n = 0; n < 3; n += 1) it.failed();
  clock.advance(900);
  it.failed();
  clock.advance(100);
  expect(it.admits()).toBe(true);
});

test('a trial that its caller gives up is no outcome: the next call tries at once', () => {
  const { clock, breaker: it } = breaker();
  for (let left = 0; left < 3; left += 1) it.failed();
  clock.advance(1_001);
  expect(it.admits()).toBe(true);
  expect(it.admits()).toBe(false);
  it.undecided();
  expect([it.state, it.admits()]).toEqual(['open', true]);
  it.succeeded();
  expect(it.state).toBe('closed');
});
