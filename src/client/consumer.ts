/** One reader of a topic: a bounded buffer, a handler that gets one item at a time, and where it stands. */
import type { Position } from '../protocol/position.ts';
import type { SignalboxError } from './errors.ts';
import { hole, missing, placeBehind, type Gap, type Item } from './items.ts';

/** Gets the next item when it has settled. */
export type Handler = (item: Item) => unknown;

export interface BufferBounds {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

export interface ConsumerEvents {
  /** The application has handled everything up to the position. */
  committed(consumer: Consumer): void;
  /** It has room again. */
  drained(consumer: Consumer): void;
  threw(error: unknown): void;
  /** Its topic is refused, or the client closed (`null`): nothing more comes. */
  refused(error: SignalboxError | null): void;
}

export class Consumer {
  /** Up to where it was given items. */
  position: Position | null = null;
  /** Up to where the application has handled them. */
  done: Position | null = null;
  /** It takes what the connection brings; otherwise it reads the log until it has caught up. */
  isJoined = false;
  /** A page of the log has been asked for. */
  isReading = false;
  /** The server wants it to ask later: what its topic brings meanwhile is no reason to ask sooner. */
  isRefused = false;
  isEnded = false;
  /** Takes back the time at which the log is asked again. */
  cancelWait: () => void = () => {};
  /** How it begins when it has no position: with the last so many, or with all that there are. */
  begins: { readonly last: number } | 'earliest' | 'latest' = 'latest';
  /** Its position is worth being kept. */
  readonly isStored: boolean;
  readonly #buffer: { readonly item: Item; readonly size: number }[] = [];
  #bytes = 0;
  #isBusy = false;
  /** What an ephemeral topic brought while there was no room. */
  #dropped = 0;
  readonly events: ConsumerEvents;
  readonly #handler: Handler;
  readonly #bounds: BufferBounds;

  constructor(handler: Handler, isStored: boolean, bounds: BufferBounds, events: ConsumerEvents) {
    this.#handler = handler;
    this.isStored = isStored;
    this.#bounds = bounds;
    this.events = events;
  }

  /** Messages that it takes when it is empty. */
  get capacity(): number {
    return this.#bounds.maxMessages;
  }

  get isEmpty(): boolean {
    return this.#buffer.length === 0;
  }

  /** @returns whether it was taken: a message of a log that finds no room, or no place, is left there */
  push(item: Item, size: number): boolean {
    if (this.isEnded) return true;
    const { position } = this;
    const isLogged = item.kind === 'message' && item.epoch !== '';
    // It may be ahead of its topic, which it has read in the log.
    const from = isLogged ? item.sequence : item.kind === 'gap' ? item.from : undefined;
    if (from !== undefined && position !== null && from <= position.sequence) {
      const { epoch } = isLogged ? item : ((item as Gap).position ?? position);
      // Numbers of two epochs say nothing of each other: only the log knows whether it had the same messages.
      if (epoch !== position.epoch) return false;
      const to = isLogged ? from : ((item as Gap).to ?? from);
      if (to <= position.sequence) return true;
      return this.push(hole(item.topic, (item as Gap).cause, position.sequence + 1, to, epoch), size);
    }
    const { maxMessages, maxBytes } = this.#bounds;
    if (item.kind === 'message' && (this.#buffer.length >= maxMessages || this.#bytes >= maxBytes)) {
      if (!isLogged) this.#dropped += 1;
      return !isLogged;
    }
    this.position = placeBehind(item, position);
    if (this.#dropped > 0) this.#add(missing(item.topic, this.#dropped), 0);
    this.#dropped = 0;
    // It may have read ahead of its topic in the log.
    this.#add(
      item.kind === 'live' && item.position !== undefined ? { ...item, position: this.position ?? undefined } : item,
      size,
    );
    this.#run();
    return true;
  }

  /** Its place was somebody else's. */
  forget(): void {
    if (!this.isStored) return;
    this.position = null;
    this.isJoined = true;
  }

  end(): void {
    this.isEnded = true;
    this.cancelWait();
    this.#buffer.length = 0;
  }

  #add(item: Item, size: number): void {
    this.#buffer.push({ item, size });
    this.#bytes += size;
  }

  #run(): void {
    while (!this.#isBusy && !this.isEnded) {
      const next = this.#buffer.shift();
      if (next === undefined) return;
      this.#bytes -= next.size;
      this.#isBusy = true;
      let answer: unknown;
      try {
        answer = this.#handler(next.item);
      } catch (error) {
        this.events.threw(error);
      }
      // Without a promise it goes on in the same breath: time stands still for who does not wait.
      if (!isPromise(answer)) this.#settled(next.item);
      else this.#wait(answer, next.item);
    }
  }

  /** As it is and not wrapped: a promise of the simulator settles on its own time. Something like a promise may throw. */
  #wait(answer: Promise<unknown>, item: Item): void {
    let isOver = false;
    const goOn = (): void => {
      if (!isOver) this.#goOn(item);
      isOver = true;
    };
    const failed = (error: unknown): void => {
      if (!isOver) this.events.threw(error);
      goOn();
    };
    try {
      void answer.then(goOn, failed);
    } catch (error) {
      failed(error);
    }
  }

  #goOn(item: Item): void {
    this.#settled(item);
    this.#run();
  }

  /** A handler that threw has handled its item: it would throw again and hold up all that follow. */
  #settled(item: Item): void {
    this.#isBusy = false;
    if (this.isEnded) return;
    this.done = placeBehind(item, this.done);
    this.events.committed(this);
    if (this.isEmpty) this.events.drained(this);
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function';
}
