/** An actor whose messages are what it does, and the system around it on virtual time. */
import type { Actor, StopReason } from '../../src/actor/actor.ts';
import { ActorCell } from '../../src/actor/actor-cell.ts';
import { DeadLetters } from '../../src/actor/dead-letters.ts';
import { Supervisor, type Alert, type Policy } from '../../src/actor/supervisor.ts';
import { VirtualClock } from '../../src/simulation/virtual-clock.ts';

export interface Message {
  readonly name: string;
  /** What happens while it is handled. */
  readonly act?: (cell: ActorCell<Message>) => void | Promise<void>;
}

const DEFAULT_POLICY: Policy = {
  inbox: { capacity: 100, bytes: 10_000 },
  maxFailures: 5,
  windowMs: 60_000,
  atLimit: 'stop',
};

/** One actor under a supervisor; `events` is what it was told, in order. */
export class Stage {
  readonly clock = new VirtualClock();
  readonly deadLetters = new DeadLetters(100);
  readonly alerts: Alert[] = [];
  readonly restarts: string[] = [];
  readonly events: string[] = [];
  readonly cell: ActorCell<Message>;

  constructor(policy: Partial<Policy> = {}, id = 'actor-1') {
    const supervisor = new Supervisor(this.clock, this.clock, this.deadLetters, {
      wentOn: (actor, _error, restarts) => this.restarts.push(`${actor} ${restarts}`),
      alert: (alert) => this.alerts.push(alert),
    });
    this.cell = new ActorCell<Message>({ supervisor, policy: { ...DEFAULT_POLICY, ...policy } }, (self) =>
      this.actor(id, self),
    );
  }

  tell(name: string, act?: Message['act'], size = 1): boolean {
    return this.cell.tell(act === undefined ? { name } : { name, act }, size);
  }

  fail(name: string): void {
    this.tell(name, () => {
      throw new Error(`${name} failed`);
    });
  }

  /** Runs what waits in promises. */
  async settle(): Promise<void> {
    for (let round = 0; round < 5; round += 1) await Promise.resolve();
  }

  private actor(id: string, self: ActorCell<Message>): Actor<Message> {
    return {
      id,
      receive: ({ name, act }) => {
        this.events.push(name);
        const pending = act?.(self);
        const end = (): void => void this.events.push(`/${name}`);
        return pending === undefined ? end() : pending.then(end);
      },
      failed: (_error, message) => this.events.push(`failed ${message?.name ?? 'without message'}`),
      stopped: (reason: StopReason) => this.events.push(`stopped ${reason}`),
      describe: ({ name }) => `message ${name}`,
    };
  }
}

/** A promise with its two ends in hand. */
export function open(): { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } {
  return Promise.withResolvers<void>();
}
