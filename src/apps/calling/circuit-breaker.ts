/**
 * Keeps calls away from a backend that does not answer: after some failures in a row nothing is sent for a while, then one
 * call tries, and its outcome decides.
 */
import type { Clock } from '../../telemetry/clock.ts';

export type BreakerState = 'closed' | 'open' | 'half_open';

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly failures: number;
  readonly openMs: number;
}

export class CircuitBreaker {
  private readonly options: BreakerOptions;
  private readonly clock: Clock;
  private readonly changed: (state: BreakerState) => void;
  private current: BreakerState = 'closed';
  private failuresInRow = 0;
  private openedAt = 0;
  private isTrying = false;

  constructor(options: BreakerOptions, clock: Clock, changed: (state: BreakerState) => void) {
    this.options = options;
    this.clock = clock;
    this.changed = changed;
  }

  get state(): BreakerState {
    return this.current;
  }

  /** Milliseconds until a call is let through, as far as that is known. */
  get waitMs(): number {
    return this.current === 'closed' ? 0 : Math.max(0, this.openedAt + this.options.openMs - this.clock.elapsed());
  }

  /** Whether a call may be sent. A caller that is let through says how it went. */
  admits(): boolean {
    if (this.current === 'closed') return true;
    if (this.waitMs > 0 || this.isTrying) return false;
    this.isTrying = true;
    this.become('half_open');
    return true;
  }

  /** An answer came, whatever it says. */
  succeeded(): void {
    this.failuresInRow = 0;
    this.isTrying = false;
    this.become('closed');
  }

  /** No answer came, or one that says that the backend cannot answer now. */
  failed(): void {
    this.failuresInRow += 1;
    // Calls that were under way when it opened do not open it longer.
    if (this.current === 'open') return;
    if (this.current === 'closed' && this.failuresInRow < this.options.failures) return;
    this.isTrying = false;
    this.openedAt = this.clock.elapsed();
    this.become('open');
  }

  /** A call was let through, and its caller has given it up before anything could be seen: the next one tries. */
  undecided(): void {
    if (this.current !== 'half_open') return;
    this.isTrying = false;
    this.become('open');
  }

  private become(state: BreakerState): void {
    if (state === this.current) return;
    this.current = state;
    this.changed(state);
  }
}
