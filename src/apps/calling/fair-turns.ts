/**
 * Bounds how many calls are under way, and shares the places fairly: those that wait are let in by owner in turn, so one that
 * asks a hundred times at once keeps the others waiting for one place and not for a hundred.
 */
import type { Scheduler, Timer } from '../../telemetry/clock.ts';

export interface FairLimits {
  readonly atOnce: number;
  /** Of one owner. */
  readonly waiting: number;
  /** Of all owners together. */
  readonly waitingInAll: number;
}

interface Waiter {
  readonly entered: (isIn: boolean) => void;
  readonly timer: Timer;
}

export class FairTurns {
  private readonly limits: FairLimits;
  private readonly scheduler: Scheduler;
  /** By owner, in the order of their turns. An owner without waiters is not in it. */
  private readonly queues = new Map<string, Set<Waiter>>();
  private inside = 0;
  private waitingInAll = 0;

  constructor(limits: FairLimits, scheduler: Scheduler) {
    this.limits = limits;
    this.scheduler = scheduler;
  }

  get underWay(): number {
    return this.inside;
  }

  get waiting(): number {
    return this.waitingInAll;
  }

  /**
   * Resolves with whether there is room, at the latest after `patienceMs`. A caller that is in has to {@link leave}.
   * @param signal gives the place in the queue up
   */
  enter(owner: string, patienceMs: number, signal?: AbortSignal): Promise<boolean> {
    if (signal?.aborted === true) return Promise.resolve(false);
    if (this.inside < this.limits.atOnce) {
      this.inside += 1;
      return Promise.resolve(true);
    }
    const queue = this.queues.get(owner) ?? new Set<Waiter>();
    if (queue.size >= this.limits.waiting || this.waitingInAll >= this.limits.waitingInAll)
      return Promise.resolve(false);
    return new Promise((entered) => {
      const givenUp = (): void => {
        this.remove(owner, waiter);
        entered(false);
      };
      const timer = this.scheduler.after(patienceMs, () => {
        signal?.removeEventListener('abort', givenUp);
        givenUp();
      });
      const waiter: Waiter = {
        timer,
        entered: (isIn) => {
          signal?.removeEventListener('abort', givenUp);
          entered(isIn);
        },
      };
      signal?.addEventListener('abort', givenUp, { once: true });
      queue.add(waiter);
      this.queues.set(owner, queue);
      this.waitingInAll += 1;
    });
  }

  leave(): void {
    const [first] = this.queues;
    if (first === undefined) {
      this.inside -= 1;
      return;
    }
    const [owner, queue] = first;
    const [next] = queue;
    if (next === undefined) throw new Error('expected an owner with a waiter');
    this.remove(owner, next);
    // Behind all others, if more of its own are waiting.
    const rest = this.queues.get(owner);
    if (rest !== undefined) {
      this.queues.delete(owner);
      this.queues.set(owner, rest);
    }
    next.entered(true);
  }

  private remove(owner: string, waiter: Waiter): void {
    const queue = this.queues.get(owner);
    if (queue?.delete(waiter) !== true) return;
    waiter.timer.cancel();
    this.waitingInAll -= 1;
    if (queue.size === 0) this.queues.delete(owner);
  }
}
