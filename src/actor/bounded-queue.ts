/** A queue that is bounded in count and in bytes. */

export interface QueueLimits {
  readonly capacity: number;
  readonly bytes: number;
}

const NO_MESSAGES: undefined[] = Array.from({ length: 8 });
const ZEROS: number[] = Array.from({ length: 8 }, () => 0);

/** A ring that grows by doubling up to its capacity; an idle queue holds eight slots, a never-used one none. */
export class BoundedQueue<M> {
  length = 0;
  bytes = 0;
  private messages: (M | undefined)[] = [];
  private sizes: number[] = [];
  private times: number[] = [];
  private head = 0;
  private readonly limits: QueueLimits;

  constructor(limits: QueueLimits) {
    this.limits = limits;
  }

  /**
   * Takes the message, unless the queue is full: an empty one takes a message of any size.
   * @param at the monotonic clock, in ms, for {@link oldestAt}
   * @returns whether it was taken
   */
  offer(message: M, size: number, at = 0): boolean {
    const { capacity, bytes } = this.limits;
    if (this.length > 0 && (this.length >= capacity || this.bytes + size > bytes)) return false;
    this.put(message, size, at);
    return true;
  }

  /** Takes the message also when the queue is full. */
  put(message: M, size: number, at = 0): void {
    if (this.length === this.messages.length) this.grow();
    const slot = (this.head + this.length) % this.messages.length;
    this.messages[slot] = message;
    this.sizes[slot] = size;
    this.times[slot] = at;
    this.length += 1;
    this.bytes += size;
  }

  /** When the oldest message came, as its sender said; `undefined` when there is none. */
  get oldestAt(): number | undefined {
    return this.length === 0 ? undefined : this.times[this.head];
  }

  take(): M | undefined {
    if (this.length === 0) return undefined;
    const message = this.messages[this.head];
    this.messages[this.head] = undefined;
    this.bytes -= this.sizes[this.head] as number;
    this.head = (this.head + 1) % this.messages.length;
    this.length -= 1;
    return message;
  }

  private grow(): void {
    if (this.messages.length === 0) {
      // Copies: a client that is answered late begins a queue for each answer, and making an array is slower by far.
      this.messages = NO_MESSAGES.slice();
      this.sizes = ZEROS.slice();
      this.times = ZEROS.slice();
      return;
    }
    const slots = this.messages.length * 2;
    const messages: (M | undefined)[] = Array.from({ length: slots });
    const sizes: number[] = Array.from({ length: slots }, () => 0);
    const times: number[] = Array.from({ length: slots }, () => 0);
    for (let index = 0; index < this.length; index += 1) {
      const from = (this.head + index) % this.messages.length;
      messages[index] = this.messages[from];
      sizes[index] = this.sizes[from] as number;
      times[index] = this.times[from] as number;
    }
    this.messages = messages;
    this.sizes = sizes;
    this.times = times;
    this.head = 0;
  }
}
