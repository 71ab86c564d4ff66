/** How many frames the server takes at the moment: its limit counted here, so that it has to refuse nothing. */
import type { Environment } from './environment.ts';

/** A tenth is left for what is not published. */
const SHARE = 0.9;

export class Allowance {
  #perSecond = Infinity;
  #burst = Infinity;
  #tokens = Infinity;
  #at = 0;
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** A new connection has a full bucket. */
  is(perSecond: number, burst: number): void {
    this.#perSecond = perSecond * SHARE;
    this.#burst = Math.max(1, burst * SHARE);
    this.#tokens = this.#burst;
    this.#at = this.#environment.elapsed();
  }

  /** Milliseconds until there is one more. */
  waitMs(): number {
    if (this.#perSecond === Infinity) return 0;
    const now = this.#environment.elapsed();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) * this.#perSecond) / 1_000);
    this.#at = now;
    return this.#tokens >= 1 ? 0 : ((1 - this.#tokens) * 1_000) / this.#perSecond;
  }

  take(): void {
    this.#tokens -= 1;
  }
}
