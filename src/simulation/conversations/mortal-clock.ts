/** The time of one node: when the node is killed, nothing that it has planned happens any more. */
import type { Clock, Scheduler, Timer } from '../../telemetry/clock.ts';

export class MortalClock implements Clock, Scheduler {
  isDead = false;
  private readonly clock: Clock & Scheduler;

  constructor(clock: Clock & Scheduler) {
    this.clock = clock;
  }

  now(): number {
    return this.clock.now();
  }

  elapsed(): number {
    return this.clock.elapsed();
  }

  endOfTurn(work: () => void): void {
    this.clock.endOfTurn(this.alive(work));
  }

  after(ms: number, work: () => void): Timer {
    return this.clock.after(ms, this.alive(work));
  }

  every(ms: number, work: () => void): Timer {
    return this.clock.every(ms, this.alive(work));
  }

  private alive(work: () => void): () => void {
    return () => {
      if (!this.isDead) work();
    };
  }
}
