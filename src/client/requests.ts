/**
 * Frames that get an answer: who waits for which, on which connection, and which wait for one. Pages of a log go one at a
 * time, as the server answers them, and again on the next connection. Others are sent once: only their sender knows
 * whether twice is harmless.
 */
import type { Position } from '../protocol/position.ts';
import type { ServerFrame } from '../protocol/wire.ts';
import { refused, SignalboxError } from './errors.ts';
import type { Link } from './link.ts';

/** @param details of the answer, when there is no error */
export type Answered = (error: SignalboxError | null, details?: unknown) => void;

export interface PageRequest {
  readonly topic: string;
  readonly since?: Position | undefined;
  readonly before?: Position | undefined;
  readonly limit: number;
  readonly reverse?: boolean | undefined;
}

interface Asked {
  readonly type: string;
  readonly data: unknown;
  readonly done: Answered;
  /** On which it was sent; `null` when it waits for one. */
  link: Link | null;
  sentAt: number;
}

const PAGE = 'History';

export class Requests {
  readonly #asked = new Map<string, Asked>();
  readonly #prefix: string;
  #last = 0;
  readonly #elapsed: () => number;
  readonly #link: () => Link | null;

  /** @param prefix no other ids begin with it */
  constructor(prefix: string, elapsed: () => number, link: () => Link | null) {
    this.#prefix = prefix;
    this.#elapsed = elapsed;
    this.#link = link;
  }

  page(request: PageRequest, done: Answered): void {
    this.ask(PAGE, request, done);
  }

  /**
   * Sends a frame on this connection, or when there is one; `done` is told once, with `outcome_unknown` when the
   * connection was lost before the answer.
   */
  ask(type: string, data: unknown, done: Answered, on?: Link): void {
    this.#last += 1;
    const id = `${this.#prefix}${this.#last}`;
    const asked = { type, data, done, link: null, sentAt: 0 };
    this.#asked.set(id, asked);
    if (on === undefined) this.next();
    else this.#send(id, asked, on);
  }

  /** Sends what waits for a connection. */
  next(): void {
    const link = this.#link();
    if (link === null) return;
    let isReading = [...this.#asked.values()].some(({ type, link: on }) => type === PAGE && on !== null);
    for (const [id, asked] of this.#asked) {
      const isPage = asked.type === PAGE;
      if (asked.link !== null || (isPage && isReading)) continue;
      isReading ||= isPage;
      this.#send(id, asked, link);
    }
  }

  /** Topics that the server gives by itself stay. */
  leave(topic: string, link = this.#link()): void {
    if (link !== null && !link.given.has(topic)) this.ask('Unsubscribe', { topics: [topic] }, () => {}, link);
  }

  answered({ type, data, reply_to: id = '' }: ServerFrame): void {
    if (type === 'Error') this.#end(id, refused(data));
    else this.#end(id, null, data.details);
    this.next();
  }

  lost(link: Link): void {
    for (const asked of this.#asked.values()) if (asked.link === link && asked.type === PAGE) asked.link = null;
    this.unread(link, Infinity, false);
  }

  /** What was asked so long ago and is not answered has perhaps not been read. */
  unread(link: Link, before: number, temporary = true): void {
    for (const [id, { link: on, sentAt }] of this.#asked)
      if (on === link && sentAt <= before)
        this.#end(id, new SignalboxError('outcome_unknown', 'no answer came', { temporary }));
  }

  close(error: SignalboxError): void {
    for (const id of this.#asked.keys()) this.#end(id, error);
  }

  #send(id: string, asked: Asked, link: Link): void {
    const { type, data } = asked;
    asked.link = link;
    asked.sentAt = this.#elapsed();
    const problem = link.send({ type, id, data });
    if (problem !== null) this.#end(id, new SignalboxError(problem, `the data of ${type} cannot be sent`));
  }

  #end(id: string, error: SignalboxError | null, details?: unknown): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    asked?.done(error, details);
  }
}
