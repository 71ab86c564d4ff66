/**
 * The same question asked again: while it is being answered those who ask share the answer, and for a while afterwards they get it
 * from memory. A question is the same only of the same user, so nobody is told what somebody else has said.
 */
import { createHash } from 'node:crypto';
import { joinParts } from '../../../protocol/parts.ts';
import type { Clock } from '../../../telemetry/clock.ts';
import type { Piece, Question } from '../providers/provider.ts';

export interface SharingOptions {
  /** Milliseconds that an answer is kept; 0: none is. */
  readonly keepMs: number;
  /** Answers that are kept. */
  readonly most: number;
}

interface Asking {
  readonly tenant: string;
  readonly user: string;
  readonly question: Question;
}

type Source = 'asked' | 'shared' | 'kept';

interface Kept {
  readonly pieces: readonly Piece[];
  readonly until: number;
}

export class SharedAnswers {
  private readonly options: SharingOptions;
  private readonly clock: Clock;
  private readonly underWay = new Map<string, Answer>();
  /** The oldest first. */
  private readonly kept = new Map<string, Kept>();

  constructor(options: SharingOptions, clock: Clock) {
    this.options = options;
    this.clock = clock;
  }

  /**
   * @param ask begins the answer; it is ended when the last reader has gone
   * @param isFresh for a question that is to be answered anew
   */
  read(
    asking: Asking,
    ask: (signal: AbortSignal) => AsyncIterable<Piece>,
    isFresh = false,
  ): { readonly source: Source; readonly pieces: AsyncGenerator<Piece> } {
    const key = keyOf(asking);
    const kept = isFresh ? undefined : this.known(key);
    if (kept !== undefined) return { source: 'kept', pieces: fromMemory(kept) };
    const there = this.underWay.get(key);
    if (there !== undefined && !isFresh) return { source: 'shared', pieces: there.read() };
    const answer: Answer = new Answer(ask, (pieces) => {
      if (this.underWay.get(key) === answer) this.underWay.delete(key);
      if (pieces !== null) this.keep(key, pieces);
    });
    this.underWay.set(key, answer);
    return { source: 'asked', pieces: answer.read() };
  }

  /** Answers that are kept. */
  get size(): number {
    return this.kept.size;
  }

  /** Forgets what has had its time: of an answer that nobody asks for again, nobody would notice it. */
  forgetOld(): void {
    for (const [key, { until }] of this.kept) {
      if (until > this.clock.elapsed()) return;
      this.kept.delete(key);
    }
  }

  private known(key: string): readonly Piece[] | undefined {
    const found = this.kept.get(key);
    if (found === undefined || found.until > this.clock.elapsed()) return found?.pieces;
    this.kept.delete(key);
    return undefined;
  }

  private keep(key: string, pieces: readonly Piece[]): void {
    const { keepMs, most } = this.options;
    if (keepMs === 0 || pieces.at(-1)?.kind !== 'end') return;
    this.kept.delete(key);
    this.kept.set(key, { pieces: merged(pieces), until: this.clock.elapsed() + keepMs });
    const [oldest] = this.kept.keys();
    if (this.kept.size > most && oldest !== undefined) this.kept.delete(oldest);
  }
}

function keyOf({ tenant, user, question }: Asking): string {
  return createHash('sha256')
    .update(joinParts(tenant, user, JSON.stringify(question)))
    .digest('base64url');
}

/** Nothing was asked of anybody, so it costs no tokens. */
async function* fromMemory(pieces: readonly Piece[]): AsyncGenerator<Piece> {
  for (const piece of pieces)
    yield piece.kind === 'end' ? { ...piece, usage: { inputTokens: 0, outputTokens: 0 } } : piece;
}

function merged(pieces: readonly Piece[]): readonly Piece[] {
  const text = pieces.map((piece) => (piece.kind === 'delta' ? piece.text : '')).join('');
  return [...(text === '' ? [] : [{ kind: 'delta' as const, text }]), ...pieces.slice(-1)];
}

/** One answer and all who read it, each at its own pace. */
class Answer {
  private readonly pieces: Piece[] = [];
  private readonly cut = new AbortController();
  private readers = 0;
  private failure: { readonly error: unknown } | null = null;
  private isOver = false;
  private more = Promise.withResolvers<void>();

  /** @param over is given the pieces of an answer that came to its end */
  constructor(ask: (signal: AbortSignal) => AsyncIterable<Piece>, over: (pieces: readonly Piece[] | null) => void) {
    void this.run(ask(this.cut.signal)).then(() => over(this.failure === null ? this.pieces : null));
  }

  async *read(): AsyncGenerator<Piece> {
    this.readers += 1;
    try {
      for (let at = 0; ;) {
        const piece = this.pieces[at];
        if (piece !== undefined) {
          at += 1;
          yield piece;
        } else if (this.failure !== null) throw this.failure.error;
        else if (this.isOver) return;
        else await this.more.promise;
      }
    } finally {
      this.readers -= 1;
      if (this.readers === 0) this.cut.abort();
    }
  }

  private async run(source: AsyncIterable<Piece>): Promise<void> {
    try {
      for await (const piece of source) {
        this.pieces.push(piece);
        this.wake();
      }
    } catch (error) {
      this.failure = { error };
    }
    this.isOver = true;
    this.wake();
  }

  private wake(): void {
    const { resolve } = this.more;
    this.more = Promise.withResolvers();
    resolve();
  }
}
