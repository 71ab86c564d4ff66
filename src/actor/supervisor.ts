/** One-for-one supervision: what happens to an actor that fails, and only to that one. */
import type { Clock, Scheduler } from '../telemetry/clock.ts';
import type { Actor, Directive } from './actor.ts';
import type { QueueLimits } from './bounded-queue.ts';
import type { DeadLetters } from './dead-letters.ts';

/** How an actor is supervised. One object serves all actors of a kind. */
export interface Policy {
  readonly inbox: QueueLimits;
  /** Failures within the window after which an actor goes on; the next one is the end. */
  readonly maxFailures: number;
  readonly windowMs: number;
  /** Infrastructure waits before it goes on, twice as long each time; a connection goes on at once. */
  readonly backoff?: { readonly minMs: number; readonly maxMs: number };
  /** What the end means: the actor stops, or its owner has to decide. */
  readonly atLimit: 'stop' | 'escalate';
}

/** Somebody has to know of this. */
export interface Alert {
  readonly actor: string;
  readonly message: string;
  readonly restarts: number;
  readonly error: string;
}

export interface SupervisionListener {
  /** An actor failed and goes on. */
  wentOn(actor: string, error: string, restarts: number): void;
  /** An actor failed too often and is gone. */
  alert(alert: Alert): void;
}

/** What is known of an actor that has failed at least once; the healthy majority carries none. */
export interface FailureRecord {
  /** When it failed lately, by the monotonic clock, in ms: the restart budget looks at these. */
  recent: number[];
  failures: number;
  restarts: number;
  lastError: string;
}

/** An actor as its supervisor sees it: its cell. */
export interface Supervised<M> {
  readonly actor: Pick<Actor<M>, 'id' | 'describe'>;
  readonly policy: Policy;
  failureRecord: FailureRecord | null;
  suspend(): void;
  resume(): void;
}

export class Supervisor {
  readonly clock: Clock;
  private readonly scheduler: Scheduler;
  private readonly deadLetters: DeadLetters;
  private readonly listener: SupervisionListener;

  constructor(clock: Clock, scheduler: Scheduler, deadLetters: DeadLetters, listener: SupervisionListener) {
    this.clock = clock;
    this.scheduler = scheduler;
    this.deadLetters = deadLetters;
    this.listener = listener;
  }

  /**
   * Quarantines the message, counts the failure against the actor's budget, and decides.
   * Called by the actor's cell only.
   */
  failed<M>(cell: Supervised<M>, error: unknown, message: M | null): Directive {
    const now = this.clock.elapsed();
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const id = cell.actor.id;
    this.deadLetters.add({
      at: this.clock.now(),
      actor: id,
      error: text,
      message: message === null ? null : cell.actor.describe(message),
    });
    const record = (cell.failureRecord ??= { recent: [], failures: 0, restarts: 0, lastError: '' });
    record.failures += 1;
    record.lastError = text;
    record.recent = record.recent.filter((at) => at > now - cell.policy.windowMs);
    record.recent.push(now);
    if (record.recent.length > cell.policy.maxFailures) {
      this.listener.alert({
        actor: id,
        message: `actor ${id} stopped: ${record.recent.length} failures within ${cell.policy.windowMs / 1000} s`,
        restarts: record.restarts,
        error: text,
      });
      return cell.policy.atLimit;
    }
    record.restarts += 1;
    this.listener.wentOn(id, text, record.restarts);
    if (cell.policy.backoff !== undefined) this.pause(cell, cell.policy.backoff, record.recent.length);
    return 'go_on';
  }

  private pause<M>(
    cell: Supervised<M>,
    backoff: { readonly minMs: number; readonly maxMs: number },
    failures: number,
  ): void {
    cell.suspend();
    this.scheduler.after(Math.min(backoff.maxMs, backoff.minMs * 2 ** (failures - 1)), () => cell.resume());
  }
}
