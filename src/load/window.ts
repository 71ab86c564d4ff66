/**
 * How many deliveries have arrived, over all threads: what a window of publishes waits for. The count wraps at 32 bits,
 * because only differences matter.
 */

const DELIVERED = 0;
/** 1 while the publishing thread waits for `WAKE_AT`. */
const WAITING = 1;
const WAKE_AT = 2;

export class SharedProgress {
  static readonly bytes = 12;
  private readonly words: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    this.words = new Int32Array(shared);
  }

  /** Deliveries since an earlier value of {@link mark}. */
  since(mark: number): number {
    return (this.mark() - mark) >>> 0;
  }

  mark(): number {
    return Atomics.load(this.words, DELIVERED);
  }

  /** Asks to be woken when so many more have arrived. */
  wakeAfter(deliveries: number): void {
    Atomics.store(this.words, WAKE_AT, this.mark() + deliveries);
    Atomics.store(this.words, WAITING, 1);
  }

  /** @returns whether this thread is the one that must wake the publishing thread */
  add(deliveries: number): boolean {
    const now = (Atomics.add(this.words, DELIVERED, deliveries) + deliveries) | 0;
    if (Atomics.load(this.words, WAITING) === 0) return false;
    if (((now - Atomics.load(this.words, WAKE_AT)) | 0) < 0) return false;
    return Atomics.exchange(this.words, WAITING, 0) === 1;
  }
}
