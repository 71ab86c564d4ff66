/** Looks at what may be too old in parts, each in a turn of its own, so that clients are answered between them. */
import type { Scheduler, Timer } from './clock.ts';
import type { Remainder } from './round.ts';

/** Takes one turn's part of a round, which it begins when none is under way. */
export type Sweep = () => Remainder;

/** Between the parts of a round. With 2,000 topics in a turn that is 20,000 a second: a few thousandths of a core. */
const PAUSE_MS = 100;
/** Where publishers are refused until there is room. */
const URGENT_PAUSE_MS = 1;

export class Sweeps {
  private timer: Timer | null = null;
  private unfinished: readonly Sweep[] = [];
  private readonly scheduler: Scheduler;
  private readonly sweeps: readonly Sweep[];
  private readonly again: () => void;

  /** @param again asks for {@link goOn} where its failures are caught */
  constructor(scheduler: Scheduler, sweeps: readonly Sweep[], again: () => void) {
    this.scheduler = scheduler;
    this.sweeps = sweeps;
    this.again = again;
  }

  /** Whether a round goes on in another turn. */
  get isWaiting(): boolean {
    return this.timer !== null;
  }

  /** Call it once a second: rounds that are over begin anew. */
  beat(): void {
    this.take(this.sweeps);
  }

  /** The next part of the rounds that are under way. */
  goOn(): void {
    this.take(this.unfinished);
  }

  end(): void {
    this.timer?.cancel();
    this.timer = null;
  }

  private take(sweeps: readonly Sweep[]): void {
    this.end();
    let isUrgent = false;
    this.unfinished = sweeps.filter((sweep) => {
      const remainder = sweep();
      isUrgent ||= remainder === 'is_urgent';
      return remainder !== 'nothing';
    });
    if (this.unfinished.length === 0) return;
    this.timer = this.scheduler.after(isUrgent ? URGENT_PAUSE_MS : PAUSE_MS, () => {
      this.timer = null;
      this.again();
    });
  }
}
