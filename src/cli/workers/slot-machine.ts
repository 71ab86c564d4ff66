/** What becomes of one worker's place, as an XState machine: nothing else decides whether an end was a crash. */
import { createActor, setup } from 'xstate';

export type SlotEvent =
  | { readonly type: 'LAUNCH' }
  | { readonly type: 'SERVING' }
  | { readonly type: 'DRAIN' }
  | { readonly type: 'ENDED' };

const slotMachine = setup({ types: { events: {} as SlotEvent } }).createMachine({
  id: 'worker',
  initial: 'gone',
  states: {
    /** Nobody is there, and nobody will come unless it is asked for. */
    gone: { on: { LAUNCH: 'starting' } },
    starting: { on: { SERVING: 'serving', DRAIN: 'draining', ENDED: 'waiting' } },
    serving: { on: { DRAIN: 'draining', ENDED: 'waiting' } },
    draining: { on: { ENDED: 'gone' } },
    /** It crashed and is started again after a pause. */
    waiting: { on: { LAUNCH: 'starting', DRAIN: 'gone' } },
  },
});

export type SlotState = 'gone' | 'starting' | 'serving' | 'draining' | 'waiting';

export class SlotLifecycle {
  private readonly machine = createActor(slotMachine).start();

  get state(): SlotState {
    return this.machine.getSnapshot().value;
  }

  send(type: SlotEvent['type']): SlotState {
    this.machine.send({ type });
    return this.state;
  }
}
