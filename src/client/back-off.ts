/** When to come back: full jitter from the first try on, because a node that crashes sends everybody away in one instant. */

export interface BackOffOptions {
  /** Bound of the first draw, in milliseconds: 500. */
  readonly minMs?: number | undefined;
  /** Bound of every draw: 30,000. */
  readonly maxMs?: number | undefined;
}

/** Without options. Two constants cost no byte of the library, and an object does. */
export const MIN_BACK_OFF_MS = 500;
const MAX_BACK_OFF_MS = 30_000;

/** @param attempt how many there were before */
export function draw(
  random: () => number,
  attempt: number,
  { minMs = MIN_BACK_OFF_MS, maxMs = MAX_BACK_OFF_MS }: BackOffOptions = {},
): number {
  return random() * Math.min(maxMs, minMs * 2 ** attempt);
}

export class BackOff {
  /** Draws since the last success. */
  attempt = 0;
  readonly #random: () => number;
  readonly #options: BackOffOptions | undefined;

  constructor(random: () => number, options?: BackOffOptions) {
    this.#random = random;
    this.#options = options;
  }

  /** @param atLeast what the server asks for: others may have been told the same, so the draw comes on top */
  draw(atLeast = 0): number {
    this.attempt += 1;
    return atLeast + draw(this.#random, this.attempt - 1, this.#options);
  }
}
