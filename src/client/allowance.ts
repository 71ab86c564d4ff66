/** How many frames the server takes at the moment: its limit counted here, so that it has to refuse nothing. */

/** A tenth is left for what is not published. */
const SHARE = 0.9;
/** A message costs one more for each further so many bytes. */
const BYTES_PER_TOKEN = 8_192;

/** A frame that is sent costs time: a full bucket is the time that may be owed. */
export class Allowance {
  #msPerToken = 0;
  #mostMs = 0;
  #paidUntil = 0;

  /** A new connection has a full bucket. */
  is(perSecond: number, burst: number): void {
    this.#msPerToken = 1_000 / (perSecond * SHARE);
    this.#mostMs = Math.max(1, burst * SHARE) * this.#msPerToken;
    this.#paidUntil = 0;
  }

  /** When a message of this length may be sent. */
  dueAt(length: number, now: number): number {
    return this.#after(length, now) - this.#mostMs;
  }

  take(length: number, now: number): void {
    this.#paidUntil = this.#after(length, now);
  }

  /** Never more than there can be. */
  #after(length: number, now: number): number {
    const cost = this.#msPerToken * (1 + Math.floor(length / BYTES_PER_TOKEN));
    return Math.max(this.#paidUntil, now) + Math.min(this.#mostMs, cost);
  }
}
