/** One answer and all who read it: it goes on as long as one of them does. */
import type { End, Hear } from '../providers/provider.ts';

/** Begins an answer. */
export type Ask = (hear: Hear, signal: AbortSignal) => Promise<End>;

export interface Reader {
  readonly hear: Hear;
  /** It goes away: its promise rejects with the reason. */
  readonly signal: AbortSignal;
}

export interface Whole {
  readonly text: string;
  readonly end: End;
}

export class AnswerOfMany {
  private readonly over: (whole: Whole | null) => void;
  private readonly cut = new AbortController();
  private readonly readers = new Set<Reader>();
  private readonly end = Promise.withResolvers<End>();
  private parts: string[] = [];

  /** @param over is given an answer that came to its end, `null` for another */
  constructor(over: (whole: Whole | null) => void) {
    this.over = over;
    // Of an answer whose readers have all gone, nobody hears.
    this.end.promise.catch(() => {});
  }

  begin(ask: Ask): void {
    ask((text) => this.heard(text), this.cut.signal).then(
      (end) => {
        this.over({ text: this.text, end });
        this.end.resolve(end);
      },
      (error: unknown) => {
        this.over(null);
        this.end.reject(error);
      },
    );
  }

  /**
   * Says what was said so far, then the rest as it comes.
   * @returns at the end of the answer
   * @throws what it fails with, or the reason of the reader's signal
   */
  async read(reader: Reader): Promise<End> {
    const { signal, hear } = reader;
    signal.throwIfAborted();
    const gone = Promise.withResolvers<never>();
    const leave = (): void => gone.reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    this.readers.add(reader);
    const { text } = this;
    if (text !== '') hear(text);
    try {
      return await Promise.race([this.end.promise, gone.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
      this.readers.delete(reader);
      // At its end this ends nothing any more.
      if (this.readers.size === 0) this.cut.abort(signal.reason);
    }
  }

  private get text(): string {
    const text = this.parts.join('');
    this.parts = [text];
    return text;
  }

  private heard(text: string): void {
    this.parts.push(text);
    for (const { hear } of this.readers) hear(text);
  }
}
