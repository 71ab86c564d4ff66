/** The port behind which models answer: one question in, its text as it comes, and usage at the end. */

/** One turn of the talk so far. */
export interface Turn {
  readonly by: 'user' | 'assistant';
  readonly text: string;
}

export interface Question {
  /** As the provider calls it. */
  readonly model: string;
  /** What the model is told before the talk; `''` for nothing. */
  readonly system: string;
  /** The last one is the user's. */
  readonly turns: readonly Turn[];
  /** Tokens of the answer. */
  readonly maxTokens: number;
}

export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Why a model has said no more: it was done, it had no tokens left, or it would not go on. */
export type Ending = 'done' | 'length' | 'refused';

export interface End {
  readonly usage: Usage;
  readonly ending: Ending;
}

/** Is given the text of an answer as it comes: never empty. A character may come in two halves. */
export type Hear = (text: string) => void;

export interface Provider {
  /** For metrics and log lines: `local`, `anthropic`, `openai`, `bedrock`. */
  readonly name: string;
  /**
   * Text goes to a function and not through an iterator, of which there were six between a chunk and its readers.
   * @param signal ends it: the promise then rejects, and no more is heard
   * @returns when the answer has come to its end
   * @throws ProviderError, or the reason of `signal`
   */
  answer(question: Question, hear: Hear, signal: AbortSignal): Promise<End>;
}

/**
 * What went wrong, and whether the same question may go well later.
 * `unavailable`: no connection, or a 5xx; `busy`: 429 or 529; `unauthorized`: 401 or 403, the key is wrong; `invalid`: another 4xx;
 * `garbage`: an answer that is none; `cut`: a stream that ended before its end; `too_large`: more bytes than an answer may have;
 * `timeout`: nothing in time.
 */
export type Failure = 'unavailable' | 'busy' | 'unauthorized' | 'invalid' | 'garbage' | 'cut' | 'too_large' | 'timeout';

/** Failures after which nobody else gets an answer either, as far as can be seen. */
const OUTAGES: ReadonlySet<Failure> = new Set(['unavailable', 'busy', 'timeout', 'cut', 'garbage']);
/** The same question may be answered when it is asked again. */
const WORTH_REPEATING: ReadonlySet<Failure> = new Set(['unavailable', 'busy', 'timeout']);
/** Users are told at once when a provider wants to be left alone for longer: nobody waits so long, and asking sooner is against its word. */
const LONGEST_WAIT_MS = 30_000;

export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly failure: Failure;
  readonly retryAfterMs: number | undefined;

  /** @param detail for log lines: no text of a user and no key */
  constructor(failure: Failure, detail: string, retryAfterMs?: number) {
    super(detail);
    this.failure = failure;
    this.retryAfterMs = retryAfterMs;
  }

  get isOutage(): boolean {
    return OUTAGES.has(this.failure);
  }

  get isWorthRepeating(): boolean {
    return WORTH_REPEATING.has(this.failure) && (this.retryAfterMs ?? 0) <= LONGEST_WAIT_MS;
  }
}

/** By the status of an answer that is no stream. */
export function failureOf(status: number): Failure {
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 408 || status === 504) return 'timeout';
  if (status === 429 || status === 529) return 'busy';
  return status >= 500 ? 'unavailable' : 'invalid';
}
