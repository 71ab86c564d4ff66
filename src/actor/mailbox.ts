/** A queue that is bounded in count and in bytes. */

/** What became of a message: taken, taken in place of older ones, or not taken. */
export type Offer = 'accepted' | 'displaced' | 'refused';

export type OverflowStrategy = 'drop_oldest' | 'refuse';

export interface MailboxLimits {
  readonly capacity: number;
  readonly bytes: number;
  readonly strategy: OverflowStrategy;
}

const INITIAL_SLOTS = 8;

/** A ring that grows by doubling up to its capacity; an idle mailbox holds eight slots, a never-used one none. */
export class Mailbox<M> {
  length = 0;
  bytes = 0;
  private messages: (M | undefined)[] = [];
  private sizes: number[] = [];
  private times: number[] = [];
  private head = 0;
  private readonly limits: MailboxLimits;
  private readonly displaced: ((message: M) => void) | undefined;

  /** @param displaced is told of every message that gives way to a newer one: nothing leaves silently */
  constructor(limits: MailboxLimits, displaced?: (message: M) => void) {
    this.limits = limits;
    this.displaced = displaced;
  }

  /**
   * Takes the message, unless the mailbox refuses; under `drop_oldest` the oldest give way until it fits.
   * @param at the monotonic clock, in ms, for {@link oldestAt}
   */
  offer(message: M, size: number, at = 0): Offer {
    const { capacity, bytes, strategy } = this.limits;
    let outcome: Offer = 'accepted';
    while (this.length > 0 && (this.length >= capacity || this.bytes + size > bytes)) {
      if (strategy === 'refuse') return 'refused';
      outcome = 'displaced';
      this.displaced?.(this.take() as M);
    }
    this.push(message, size, at);
    return outcome;
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

  /** Removes every message that matches; the order of the others stays. Returns how many left. */
  purge(match: (message: M) => boolean): number {
    const count = this.length;
    let kept = 0;
    for (let index = 0; index < count; index += 1) {
      const size = this.sizes[this.head] as number;
      const at = this.times[this.head] as number;
      const message = this.take() as M;
      if (match(message)) continue;
      this.push(message, size, at);
      kept += 1;
    }
    return count - kept;
  }

  private push(message: M, size: number, at: number): void {
    if (this.length === this.messages.length) this.grow();
    const slot = (this.head + this.length) % this.messages.length;
    this.messages[slot] = message;
    this.sizes[slot] = size;
    this.times[slot] = at;
    this.length += 1;
    this.bytes += size;
  }

  private grow(): void {
    const slots = Math.max(INITIAL_SLOTS, this.messages.length * 2);
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
