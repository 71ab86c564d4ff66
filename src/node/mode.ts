/** What a node does at the moment, as a running XState machine: its service and, in parallel, whether it admits connections. */
import { createActor, setup } from 'xstate';
import type { NodeFacts } from '../connection/context.ts';

export type ModeEvent =
  | { readonly type: 'STARTED' }
  | { readonly type: 'READ_ONLY' }
  | { readonly type: 'NORMAL' }
  | { readonly type: 'ADMIT' }
  | { readonly type: 'REFUSE' }
  /** Nobody is admitted until what was decided for all nodes is known here too. */
  | { readonly type: 'AWAIT_ORDERS' }
  | { readonly type: 'ORDERS_READ' }
  | { readonly type: 'DRAIN' }
  | { readonly type: 'STOPPED' };

const modeMachine = setup({ types: { events: {} as ModeEvent } }).createMachine({
  id: 'node',
  type: 'parallel',
  states: {
    service: {
      initial: 'starting',
      states: {
        starting: { on: { STARTED: 'running', DRAIN: 'draining' } },
        running: { on: { READ_ONLY: 'read_only', DRAIN: 'draining' } },
        read_only: { on: { NORMAL: 'running', DRAIN: 'draining' } },
        draining: { on: { STOPPED: 'stopped' } },
        stopped: { type: 'final' },
      },
    },
    admission: {
      initial: 'open',
      states: {
        open: { on: { REFUSE: 'closed', DRAIN: 'ended' } },
        closed: { on: { ADMIT: 'open', DRAIN: 'ended' } },
        // Nothing opens a draining node again.
        ended: {},
      },
    },
    orders: {
      initial: 'read',
      states: {
        read: { on: { AWAIT_ORDERS: 'awaited' } },
        awaited: { on: { ORDERS_READ: 'read' } },
      },
    },
  },
});

export type Service = 'starting' | 'running' | 'read_only' | 'draining' | 'stopped';

/** The mode as plain fields for the hot path, kept up to date by the machine. */
export class NodeMode implements NodeFacts {
  readonly name: string;
  readonly instance: string;
  readonly sessionKey: string;
  mode: Service = 'starting';
  isReadOnly = false;
  isAdmitting = false;
  /** Whether it would admit as soon as it serves. */
  isOpen = true;
  awaitsOrders = false;
  beat = 0;
  private readonly machine = createActor(modeMachine);
  private readonly changed: (mode: Service) => void;

  /**
   * @param sessionKey random, at least 128 bits
   * @param changed told after every change of the service
   */
  constructor(name: string, instance: string, sessionKey: string, changed: (mode: Service) => void) {
    this.name = name;
    this.sessionKey = sessionKey;
    this.instance = instance;
    this.changed = changed;
    this.machine.subscribe(({ value }) => {
      const before = this.mode;
      this.mode = value.service;
      this.isReadOnly = value.service === 'read_only';
      const isServing = value.service === 'running' || value.service === 'read_only';
      this.awaitsOrders = value.orders === 'awaited';
      this.isOpen = value.admission === 'open';
      this.isAdmitting = this.isOpen && isServing && !this.awaitsOrders;
      if (before !== this.mode) this.changed(this.mode);
    });
    this.machine.start();
  }

  send(event: ModeEvent): void {
    this.machine.send(event);
  }
}
