/** Frames that get an answer: who waits for which, on which connection. */
import type { ServerFrame } from '../protocol/wire.ts';
import { refused, SignalboxError, type ErrorReason } from './errors.ts';
import type { Link } from './link.ts';

export type Answered = (error: SignalboxError | null, frame?: ServerFrame) => void;

interface Pending {
  readonly link: Link;
  readonly sentAt: number;
  readonly done: Answered;
}

export class Requests {
  readonly #pending = new Map<string, Pending>();
  readonly #prefix: string;
  #last = 0;

  readonly #elapsed: () => number;

  /** @param prefix no other ids begin with it */
  constructor(prefix: string, elapsed: () => number) {
    this.#prefix = prefix;
    this.#elapsed = elapsed;
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

  /** Topics that the server gives by itself stay. */
  leave(link: Link | null, topic: string): void {
    if (link !== null && !link.given.has(topic)) this.ask(link, 'Unsubscribe', { topics: [topic] }, () => {});
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
    this.#end(link, Infinity, 'offline', 'the connection was lost before the answer came');
  }

  /** What was asked so long ago and is not answered has perhaps not been read. */
  unread(link: Link, before: number): void {
    this.#end(link, before, 'outcome_unknown', 'expected an answer');
  }

  #end(link: Link, before: number, reason: ErrorReason, message: string): void {
    for (const [id, { link: on, sentAt, done }] of this.#pending) {
      if (on !== link || sentAt > before) continue;
      this.#pending.delete(id);
      done(new SignalboxError(reason, message, { temporary: true }));
    }
  }
}
