/** What one client has seen: which messages came, and how long it waited for them. */
import type { Payload } from './clients.ts';

/** Of one client over a window of time. */
export interface Silence {
  /** Where it was when the window began. */
  readonly node: string;
  /** The longest time between two messages. */
  readonly longestMs: number;
  /** The longest time from the publishing of a message to its arrival. */
  readonly latestMs: number;
  /** How often it was without a connection. */
  readonly breaks: number;
}

/** Of one client over all that was published. */
export interface Delivery {
  readonly lost: number;
  readonly repeated: number;
  /** Came after a later one. */
  readonly disordered: number;
  /** Times that the library said that something is missing. */
  readonly gaps: number;
}

/** Milliseconds of a clock that all processes of this machine share. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export class ReaderRecord {
  readonly room: string;
  #node = '';
  #nodeAtStart = '';
  /** 0 before the first message. */
  #heardAt = 0;
  #longestMs = 0;
  #latestMs = 0;
  #breaks = 0;
  #next = 1;
  readonly #missing = new Set<number>();
  #published = 0;
  #refused: ReadonlySet<number> = new Set();
  #repeated = 0;
  #disordered = 0;
  #gaps = 0;

  constructor(room: string) {
    this.room = room;
  }

  at(node: string): void {
    this.#node = node;
  }

  gap(): void {
    this.#gaps += 1;
  }

  broken(): void {
    this.#breaks += 1;
  }

  message({ n, at }: Payload, now: number): void {
    if (this.#heardAt > 0) this.#longestMs = Math.max(this.#longestMs, now - this.#heardAt);
    this.#heardAt = now;
    this.#latestMs = Math.max(this.#latestMs, now - at);
    if (n < this.#next) {
      if (this.#missing.delete(n)) this.#disordered += 1;
      else this.#repeated += 1;
      return;
    }
    this.#skipTo(n);
    this.#next = n + 1;
  }

  /** Nothing more is published. @param refused numbers of those that are not there */
  expect(published: number, refused: readonly number[]): void {
    this.#published = published;
    this.#refused = new Set(refused);
    for (const n of refused) this.#missing.delete(n);
  }

  get hasAll(): boolean {
    let next = this.#next;
    while (this.#refused.has(next)) next += 1;
    return this.#missing.size === 0 && next > this.#published;
  }

  /** Ends a window and begins the next one. */
  window(now: number): Silence {
    // A client that hears nothing any more is silent until now.
    const longestMs = Math.max(this.#longestMs, this.#heardAt > 0 ? now - this.#heardAt : 0);
    const silence = { node: this.#nodeAtStart, longestMs, latestMs: this.#latestMs, breaks: this.#breaks };
    this.#nodeAtStart = this.#node;
    this.#longestMs = 0;
    this.#latestMs = 0;
    this.#breaks = 0;
    return silence;
  }

  delivery(): Delivery {
    this.#skipTo(this.#published + 1);
    return {
      lost: this.#missing.size,
      repeated: this.#repeated,
      disordered: this.#disordered,
      gaps: this.#gaps,
    };
  }

  #skipTo(n: number): void {
    for (; this.#next < n; this.#next += 1) if (!this.#refused.has(this.#next)) this.#missing.add(this.#next);
  }
}
