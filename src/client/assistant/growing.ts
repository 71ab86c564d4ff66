/**
 * The newest answer of a session, whatever tells of it first: deltas, the text so far, its end, the message that has all of it.
 * Each says which answer it is of and where in the text it stands, so what comes late, twice or not at all leaves no trace.
 */
import type { AnswerPlace, AnswerStatus, Delta, End } from './wire.ts';

export interface LiveAnswer extends AnswerPlace {
  /** As far as it is known. */
  readonly text: string;
  readonly status: AnswerStatus;
  readonly failure?: string;
  /** Of the message that has all of it. */
  readonly sequence?: number;
}

/** Below 0: the first is the older one. */
export function compare(one: AnswerPlace, other: AnswerPlace): number {
  return one.question - other.question || one.attempt - other.attempt;
}

export class Growing {
  now: LiveAnswer | undefined;
  /** As far as deltas have told of it. */
  #to = 0;
  #isUnsure = false;
  #isWhole = false;

  /** A part of the text that was said is not known. */
  get isBehind(): boolean {
    return this.now?.status === 'running' && (this.#isUnsure || this.now.text.length < this.#to);
  }

  /** Deltas may have been missed. */
  doubt(): void {
    this.#isUnsure = true;
  }

  began(place: AnswerPlace): void {
    if (this.now === undefined || compare(place, this.now) > 0) this.#become(place);
  }

  delta(delta: Delta): void {
    const { from, text } = delta;
    this.began(delta);
    const now = this.now;
    if (now === undefined || compare(delta, now) < 0 || this.#isWhole) return;
    const to = from + text.length;
    this.#to = Math.max(this.#to, to);
    const { length } = now.text;
    if (from > length || to < length) return;
    this.#isUnsure = false;
    if (to > length) this.now = { ...now, text: now.text + text.slice(length - from) };
  }

  end({ question, attempt, status, failure, sequence }: End): void {
    const place = { question, attempt };
    this.began(place);
    const now = this.now;
    if (now === undefined || compare(place, now) < 0 || this.#isWhole) return;
    const why = failure === undefined ? {} : { failure };
    this.now = { ...now, status, ...why, ...(sequence !== undefined && { sequence }) };
  }

  /** The message that has all of it. */
  stored(end: End, text: string): void {
    this.end(end);
    if (this.now === undefined || compare(end, this.now) !== 0) return;
    this.#isWhole = true;
    this.now = { ...this.now, text };
  }

  #become({ question, attempt }: AnswerPlace): void {
    this.now = { question, attempt, text: '', status: 'running' };
    this.#to = 0;
    this.#isUnsure = false;
    this.#isWhole = false;
  }
}
