/**
 * Ranges of a tail that were prepared for this flush, each following the one before it. Neighbours in the flush ask for the
 * same ranges in the same order, so the next one is found by a look at three places. A single range is not enough: with a
 * queue of two writes everybody would prepare both of them anew.
 */

/** Frames of one range, prepared once and shared by all subscribers that stand at the same place. */
export interface PreparedRange {
  readonly after: number;
  readonly to: number;
  readonly replayed: boolean;
  readonly frames: readonly Uint8Array[];
  /** All frames as one message; made when the first batching client needs it. */
  batch: Uint8Array | null;
}

/** What one write may take. */
export interface WriteLimits {
  readonly messages: number;
  readonly bytes: number;
}

/** How live publications are written: as one batch or as single messages. Two objects, made once. */
export interface WriteShape extends WriteLimits {
  readonly isBatch: boolean;
}

/** A range of the tail, with what every subscriber's books need of it. */
export interface TailRange extends PreparedRange {
  readonly bytes: number;
  /** When its first publication arrived, by the monotonic clock, in ms. */
  readonly arrivedAt: number;
  /** Bytes that it was allowed to have: with more of them it might be longer. */
  readonly maxBytes: number;
  next: TailRange | null;
}

export class PreparedRanges {
  private first: TailRange | null = null;
  private last: TailRange | null = null;

  /** What a subscriber that stands at `after` is written next, if its neighbour was written the same. */
  find(after: number, head: number, messages: number, bytes: number): TailRange | null {
    const { last } = this;
    if (last === null) return null;
    if (serves(last, after, head, messages, bytes)) return last;
    const { next } = last;
    if (next !== null && serves(next, after, head, messages, bytes)) return (this.last = next);
    const { first } = this;
    if (first !== null && serves(first, after, head, messages, bytes)) return (this.last = first);
    return null;
  }

  add(range: TailRange): void {
    if (this.last?.to === range.after) this.last.next = range;
    else this.first = range;
    this.last = range;
  }

  /** Frames are views into the tail: they must go before its memory is used for something else. */
  clear(): void {
    this.first = null;
    this.last = null;
  }
}

/** Whether a write of so much would be this range: it ends at the head, or where the limits end it. */
function serves(range: TailRange, after: number, head: number, messages: number, bytes: number): boolean {
  if (range.after !== after || range.frames.length > messages) return false;
  // The same limit gives the same range, also when it is a single message that is longer than the limit.
  return range.maxBytes === bytes || (range.to === head && range.bytes <= bytes);
}
