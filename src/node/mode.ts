/** What a node does at the moment, as an XState actor: its service and, in parallel, whether it admits connections. */
import { createActor, setup } from 'xstate';
import type { NodeFacts } from '../connection/context.ts';

export type ModeEvent =
  | { readonly type: 'STARTED' }
  | { readonly type: 'READ_ONLY' }
  | { readonly type: 'NORMAL' }
  | { readonly type: 'ADMIT' }
  | { readonly type: 'REFUSE' }
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
  beat = 0;
  private readonly actor = createActor(modeMachine);
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
    this.actor.subscribe(({ value }) => {
      const before = this.mode;
      this.mode = value.service;
      this.isReadOnly = value.service === 'read_only';
      this.isAdmitting = value.admission === 'open' && (value.service === 'running' || value.service === 'read_only');
      if (before !== this.mode) this.changed(this.mode);
    });
    this.actor.start();
  }

  send(event: ModeEvent): void {
    this.actor.send(event);
  }
}
