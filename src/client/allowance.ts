/** How many frames the server takes at the moment: its limit counted here, so that it has to refuse nothing. */
import type { Environment } from './environment.ts';

/** A tenth is left for what is not published. */
const SHARE = 0.9;
/** A message costs one more for each further so many bytes. */
const BYTES_PER_TOKEN = 8_192;

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

  /** Milliseconds until a message of this length may be sent. */
  waitMs(length: number): number {
    if (this.#perSecond === Infinity) return 0;
    const now = this.#environment.elapsed();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) * this.#perSecond) / 1_000);
    this.#at = now;
    return (Math.max(0, this.#costOf(length) - this.#tokens) * 1_000) / this.#perSecond;
  }

  take(length: number): void {
    this.#tokens -= this.#costOf(length);
  }

  /** Never more than there can be. */
  #costOf(length: number): number {
    return Math.min(this.#burst, 1 + Math.floor(length / BYTES_PER_TOKEN));
  }
}
