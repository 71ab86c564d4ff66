import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createActor } from 'xstate';
import {
  LIFECYCLE_EVENTS,
  LIFECYCLE_STATES,
  lifecycleMachine,
  step,
  type LifecycleEvent,
  type LifecycleState,
} from './lifecycle.ts';

test('the table goes through the same states as the machine, and refuses what the machine does not accept', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...LIFECYCLE_EVENTS), { maxLength: 12 }), (events) => {
      const actor = createActor(lifecycleMachine).start();
      let state: LifecycleState = 'open';
      for (const type of events) {
        const accepted = actor.getSnapshot().can({ type });
        if (accepted) actor.send({ type });
        const next = step(state, type);
        expect(next !== null).toBe(accepted);
        state = next ?? state;
        expect(state).toBe(actor.getSnapshot().value);
      }
    }),
    { numRuns: 300 },
  );
});

test('states and events are those of the machine', () => {
  expect(Object.keys(lifecycleMachine.states)).toEqual([...LIFECYCLE_STATES]);
  expect([...lifecycleMachine.events].sort()).toEqual([...LIFECYCLE_EVENTS].sort());
});

describe('a connection', () => {
  const walk = (...events: readonly LifecycleEvent[]): LifecycleState | null =>
    events.reduce<LifecycleState | null>((state, event) => (state === null ? null : step(state, event)), 'open');

  test('can be closed at once or after draining, and ends when its socket is gone', () => {
    expect(walk('CLOSE', 'GONE')).toBe('closed');
    expect(walk('DRAIN')).toBe('draining');
    expect(walk('DRAIN', 'CLOSE', 'GONE')).toBe('closed');
  });

  test('ends from every state when its socket is gone, once', () => {
    for (const state of ['open', 'draining', 'closing'] as const) expect(step(state, 'GONE')).toBe('closed');
    expect(LIFECYCLE_EVENTS.map((event) => step('closed', event))).toEqual([null, null, null]);
  });

  test('is closed only once, and not drained while it closes', () => {
    expect(walk('CLOSE', 'CLOSE')).toBeNull();
    expect(walk('CLOSE', 'DRAIN')).toBeNull();
    expect(walk('DRAIN', 'DRAIN')).toBeNull();
  });
});
