/** The messages that no actor could handle, in a bounded ring for operators to look at. */

export interface DeadLetter {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly actor: string;
  /** Error with stack. */
  readonly error: string;
  /** The message as its actor describes it: shortened, without what it carried and without secrets. */
  readonly message: string | null;
}

const MAX_TEXT = 4_096;
/** What the JSON parser could not read it quotes, and that may be anybody's. */
const QUOTED_INPUT = /"[^\n]*" is not valid JSON/;

export class DeadLetters {
  /** All that were ever put aside, including those the ring no longer holds. */
  total = 0;
  private readonly ring: DeadLetter[] = [];
  private readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  add(letter: DeadLetter): void {
    this.ring[this.total % this.capacity] = {
      ...letter,
      error: letter.error.replace(QUOTED_INPUT, '"…" is not valid JSON').slice(0, MAX_TEXT),
      message: letter.message?.slice(0, MAX_TEXT) ?? null,
    };
    this.total += 1;
  }

  /** Newest first. */
  list(): DeadLetter[] {
    // By place, not by time: several can fail within a millisecond, and the clock may step.
    const newest = this.total % this.capacity;
    return [...this.ring.slice(0, newest).toReversed(), ...this.ring.slice(newest).toReversed()];
  }
}
