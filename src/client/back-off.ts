/** When to come back: full jitter from the first try on, because a node that crashes sends everybody away in one instant. */

export interface BackOffOptions {
  /** Bound of the first draw, in milliseconds: 500. */
  readonly minMs?: number | undefined;
  /** Bound of every draw: 30,000. */
  readonly maxMs?: number | undefined;
}

export const BACK_OFF = { minMs: 500, maxMs: 30_000 } as const;

/** @param attempt how many there were before */
export function draw(
  random: () => number,
  attempt: number,
  { minMs = BACK_OFF.minMs, maxMs = BACK_OFF.maxMs }: BackOffOptions = {},
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
