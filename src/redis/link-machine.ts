/** The state of the link to Redis, with its circuit breaker, as an XState machine. */
import { assign, setup } from 'xstate';

export type LinkEvent =
  /** The connections stand. */
  | { readonly type: 'CONNECTED' }
  /** One of them is gone. */
  | { readonly type: 'LOST' }
  /** Redis is one that we can work with, and knows our scripts. */
  | { readonly type: 'CHECKED' }
  /** It is not: too old, it throws keys away, or it refuses what we have to do. */
  | { readonly type: 'UNFIT' }
  /** A Redis that was judged unfit is to be looked at again. */
  | { readonly type: 'DOUBTED' }
  /** A call was not answered in time. */
  | { readonly type: 'FAILED' }
  | { readonly type: 'SUCCEEDED' }
  /** The breaker has been open long enough: one call may try. */
  | { readonly type: 'COOLED' };

export type LinkState = 'connecting' | 'checking' | 'unfit' | 'closed' | 'open' | 'half_open';

/** @param failureLimit failures in a row that open the breaker */
export function linkMachine(failureLimit: number) {
  return setup({
    types: { context: {} as { readonly failures: number }, events: {} as LinkEvent },
    actions: {
      count: assign({ failures: ({ context }) => context.failures + 1 }),
      forget: assign({ failures: 0 }),
    },
    guards: { isLast: ({ context }) => context.failures + 1 >= failureLimit },
  }).createMachine({
    id: 'redis',
    initial: 'connecting',
    context: { failures: 0 },
    on: { LOST: { target: '.connecting' } },
    states: {
      connecting: { on: { CONNECTED: 'checking' } },
      checking: { on: { CHECKED: 'closed', UNFIT: 'unfit' } },
      // An operator who mends Redis need not restart it.
      unfit: { on: { DOUBTED: 'checking' } },
      closed: {
        entry: 'forget',
        on: {
          UNFIT: 'unfit',
          FAILED: [{ guard: 'isLast', target: 'open' }, { actions: 'count' }],
          SUCCEEDED: { actions: 'forget' },
        },
      },
      open: { on: { COOLED: 'half_open' } },
      half_open: { on: { SUCCEEDED: 'closed', FAILED: 'open' } },
    },
  });
}
