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
/** How the JSON parser ends an error that quotes what it could not read. */
const END_OF_QUOTE = '" is not valid JSON';

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
      error: withoutInput(letter.error).slice(0, MAX_TEXT),
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

/** Without what the JSON parser quotes, which may be anybody's. By place: a pattern over it backtracks. */
function withoutInput(error: string): string {
  const start = error.indexOf('"');
  const end = error.indexOf(END_OF_QUOTE);
  return start === -1 || end <= start ? error : `${error.slice(0, start)}"…${error.slice(end)}`;
}
