/** Bounds how many calls are under way. Those beyond wait in order, as many as may, and no longer than they have time. */
import type { Scheduler, Timer } from '../../telemetry/clock.ts';

interface Waiter {
  readonly entered: (isIn: boolean) => void;
  readonly timer: Timer;
}

export class Turnstile {
  private readonly limits: { readonly atOnce: number; readonly waiting: number };
  private readonly scheduler: Scheduler;
  private readonly waiters = new Set<Waiter>();
  private inside = 0;

  constructor(limits: { readonly atOnce: number; readonly waiting: number }, scheduler: Scheduler) {
    this.limits = limits;
    this.scheduler = scheduler;
  }

  get underWay(): number {
    return this.inside;
  }

  /** Resolves with whether there is room, at the latest after `patienceMs`. A caller that is in has to {@link leave}. */
  enter(patienceMs: number): Promise<boolean> {
    if (this.inside < this.limits.atOnce) {
      this.inside += 1;
      return Promise.resolve(true);
    }
    if (this.waiters.size >= this.limits.waiting) return Promise.resolve(false);
    return new Promise((entered) => {
      const timer = this.scheduler.after(patienceMs, () => {
        this.waiters.delete(waiter);
        entered(false);
      });
      const waiter: Waiter = { entered, timer };
      this.waiters.add(waiter);
    });
  }

  leave(): void {
    const [next] = this.waiters;
    if (next === undefined) {
      this.inside -= 1;
      return;
    }
    // The place goes to the one that waits longest.
    this.waiters.delete(next);
    next.timer.cancel();
    next.entered(true);
  }
}
