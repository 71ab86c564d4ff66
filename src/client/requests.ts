/**
 * Frames that get an answer: who waits for which, on which connection, and which wait for one. Pages of a log go one at a
 * time, as the server answers them, and again on the next connection. Others are sent once: only their sender knows
 * whether twice is harmless.
 */
import type { Position } from '../protocol/position.ts';
import type { ServerFrame } from '../protocol/wire.ts';
import { refused, SignalboxError, type ErrorReason } from './errors.ts';
import type { Link } from './link.ts';

export type Answered = (error: SignalboxError | null, frame?: ServerFrame) => void;

export interface PageRequest {
  readonly topic: string;
  readonly since?: Position | undefined;
  readonly before?: Position | undefined;
  readonly limit: number;
  readonly reverse?: boolean | undefined;
}

/** @param details of the answer, when there is no error */
type Details = (error: SignalboxError | null, details?: unknown) => void;

interface Pending {
  readonly link: Link;
  readonly sentAt: number;
  readonly done: Answered;
}

interface Waiting {
  readonly type: string;
  readonly data: unknown;
  readonly done: Details;
}

const PAGE = 'History';
const LOST = 'the connection was lost before the answer came';

export class Requests {
  readonly #pending = new Map<string, Pending>();
  #waiting: Waiting[] = [];
  #isReading = false;
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

  /** Sends a frame; `done` is told once, with `offline` when the connection is lost before. */
  ask(link: Link, type: string, data: unknown, done: Answered): void {
    this.#last += 1;
    const id = `${this.#prefix}${this.#last}`;
    this.#pending.set(id, { link, sentAt: this.#elapsed(), done });
    const problem = link.send({ type, id, data });
    if (problem === null) return;
    this.#pending.delete(id);
    done(new SignalboxError(problem, `expected data of ${type} that the server takes`));
  }

  page(request: PageRequest, done: Details): void {
    this.later(PAGE, request, done);
  }

  /** When there is a connection. */
  later(type: string, data: unknown, done: Details): void {
    this.#waiting.push({ type, data, done });
    this.next();
  }

  next(): void {
    const link = this.#link();
    if (link === null) return;
    for (const each of this.#waiting.splice(0)) {
      const isPage = each.type === PAGE;
      if (isPage && this.#isReading) this.#waiting.push(each);
      else this.#send(link, each, isPage);
    }
  }

  /** @returns whether somebody waited for it */
  answered(frame: ServerFrame): boolean {
    const id = frame.reply_to ?? '';
    const waiting = this.#pending.get(id);
    if (waiting === undefined) return false;
    this.#pending.delete(id);
    if (frame.type === 'Error') waiting.done(refused(frame.data));
    else waiting.done(null, frame);
    return true;
  }

  lost(link: Link): void {
    this.#end(link, Infinity, 'offline', LOST);
  }

  /** What was asked so long ago and is not answered has perhaps not been read. */
  unread(link: Link, before: number): void {
    this.#end(link, before, 'outcome_unknown', 'expected an answer');
  }

  close(error: SignalboxError): void {
    for (const { done } of this.#waiting.splice(0)) done(error);
  }

  #send(link: Link, each: Waiting, isPage: boolean): void {
    if (isPage) this.#isReading = true;
    this.ask(link, each.type, each.data, (error, frame) => {
      if (isPage) this.#isReading = false;
      const isLost = error?.reason === 'offline';
      if (isPage && isLost) this.#waiting.unshift(each);
      // A connection that was lost says nothing of what the server has done.
      else
        each.done(isLost ? new SignalboxError('outcome_unknown', LOST, { cause: error }) : error, frame?.data.details);
      this.next();
    });
  }

  #end(link: Link, before: number, reason: ErrorReason, message: string): void {
    for (const [id, { link: on, sentAt, done }] of this.#pending) {
      if (on !== link || sentAt > before) continue;
      this.#pending.delete(id);
      done(new SignalboxError(reason, message, { temporary: true }));
    }
  }
}
