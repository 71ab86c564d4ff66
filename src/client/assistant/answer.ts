/** One answer as it comes: an async iterable of its pieces, and a promise of its end. */
import { SignalboxError } from '../errors.ts';
import type { AnswerFacts, AnswerPlace, End } from './wire.ts';

/** What a message says of its answer, beside which one it is and how it has ended. */
type Facts = Partial<Omit<AnswerFacts, 'question' | 'attempt' | 'status' | 'failure'>>;

export interface FinalAnswer extends AnswerPlace, Facts {
  /** `stopped`: it ends where it was stopped. */
  readonly status: 'done' | 'stopped';
  readonly text: string;
  /** Of the message that has all of it; an answer without a word has none. */
  readonly sequence?: number;
}

/**
 * Each loop over it begins with the first piece; together the pieces are the text. A loop that is slow gets longer pieces. It throws
 * what `final` rejects with; leaving it stops nothing.
 */
export interface Answer extends AsyncIterable<string> {
  /** As far as it is known. */
  readonly text: string;
  /**
   * Rejects when the question is refused, and with `answer_failed` when the answer failed or was interrupted: half an answer is
   * never called whole, and `details` have what there is of it.
   */
  readonly final: Promise<FinalAnswer>;
  /** Ends it where it is. @returns whether it was under way */
  stop(): Promise<boolean>;
}

export class OpenAnswer implements Answer {
  text = '';
  readonly final: Promise<FinalAnswer>;
  /** How it has ended, as far as it was told. */
  told: End | undefined;
  /** Which one it is, when the server has said so. */
  place: AnswerPlace | undefined;
  isOver = false;
  readonly #stop: () => Promise<boolean>;
  #resolve: (final: FinalAnswer) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  /** Wait for the next that happens. */
  readonly #waiters = new Set<() => void>();

  /** @param stop asks the server */
  constructor(stop: () => Promise<boolean>) {
    this.#stop = stop;
    this.final = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A page that reads only the pieces, or the store, is told there.
    this.final.catch(() => {});
  }

  async stop(): Promise<boolean> {
    while (this.place === undefined && !this.isOver) await this.#news();
    return !this.isOver && (await this.#stop());
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    for (let at = 0; ;) {
      const more = this.text.slice(at);
      at += more.length;
      if (more !== '') yield more;
      else if (this.isOver) break;
      else await this.#news();
    }
    await this.final;
  }

  bind({ question, attempt }: AnswerPlace): void {
    this.place = { question, attempt };
    this.#wake();
  }

  grow(text: string): void {
    if (text.length <= this.text.length || this.isOver) return;
    this.text = text;
    this.#wake();
  }

  /** @param text of the message, where there is one */
  end({ question, attempt, status, failure, retryAfterMs, ...more }: End & Facts, text = this.text): void {
    this.grow(text);
    const facts = { question, attempt, status, text, ...more };
    if (status === 'done' || status === 'stopped') {
      this.#resolve({ ...facts, status });
      return this.#over();
    }
    const why = failure === undefined ? status : `${status}: ${failure}`;
    const details = { ...facts, ...(failure !== undefined && { failure }) };
    const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
    this.fail(
      new SignalboxError('answer_failed', `no whole answer came, ${why}`, { temporary: true, details, ...wait }),
    );
  }

  fail(error: unknown): void {
    this.#reject(error);
    this.#over();
  }

  #over(): void {
    this.isOver = true;
    this.#wake();
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.add(resolve);
    });
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
    this.#waiters.clear();
  }
}
