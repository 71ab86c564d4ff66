/** Time that passes only when the simulation says so, and the scheduler that goes with it. */
import type { Clock, Scheduler, Timer } from '../telemetry/clock.ts';

interface Due {
  at: number;
  readonly every: number;
  readonly order: number;
  readonly work: () => void;
}

/** An arbitrary day, so that simulated tokens and timestamps look like real ones. */
const EPOCH = 1_790_000_000_000;

export class VirtualClock implements Clock, Scheduler {
  private time = 0;
  private order = 0;
  private readonly timers: Due[] = [];
  private turn: (() => void)[] = [];

  now(): number {
    return EPOCH + this.time;
  }

  elapsed(): number {
    return this.time;
  }

  endOfTurn(work: () => void): void {
    this.turn.push(work);
  }

  after(ms: number, work: () => void): Timer {
    return this.add(ms, 0, work);
  }

  every(ms: number, work: () => void): Timer {
    return this.add(ms, ms, work);
  }

  /** Timers that have not fired and were not cancelled. */
  get pendingTimers(): number {
    return this.timers.length;
  }

  get hasTurn(): boolean {
    return this.turn.length > 0;
  }

  /** Ends the turn of the event loop: what was scheduled for its end runs. */
  endTurn(): void {
    const work = this.turn;
    this.turn = [];
    for (const run of work) run();
  }

  /** Lets time pass; timers fire in order. A blocked event loop fires a repeating timer once, however late. */
  advance(ms: number): void {
    const target = this.time + ms;
    for (;;) {
      const next = this.earliest();
      if (next === null || next.at > target) break;
      this.time = Math.max(this.time, next.at);
      if (next.every === 0) this.remove(next);
      else next.at = this.time + next.every;
      next.work();
    }
    this.time = target;
  }

  /** By a plain walk: sorting what is due anew for every timer was a third of a simulation's time. */
  private earliest(): Due | null {
    let first: Due | null = null;
    for (const timer of this.timers)
      if (first === null || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer;
    return first;
  }

  private remove(timer: Due): void {
    const at = this.timers.indexOf(timer);
    if (at >= 0) this.timers.splice(at, 1);
  }

  private add(ms: number, every: number, work: () => void): Timer {
    this.order += 1;
    const timer: Due = { at: this.time + ms, every, order: this.order, work };
    this.timers.push(timer);
    return { cancel: () => this.remove(timer) };
  }
}
