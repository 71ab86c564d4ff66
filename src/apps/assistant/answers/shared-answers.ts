/**
 * The same question asked again: while it is being answered those who ask share the answer, and for a while afterwards they get it
 * from memory. A question is the same only of the same user, so nobody is told what somebody else has said.
 */
import { createHash } from 'node:crypto';
import { joinParts } from '../../../protocol/parts.ts';
import type { Clock } from '../../../telemetry/clock.ts';
import type { End, Question } from '../providers/provider.ts';
import { AnswerOfMany, type Ask, type Reader, type Whole } from './answer-of-many.ts';

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

interface Kept extends Whole {
  readonly until: number;
}

export class SharedAnswers {
  private readonly options: SharingOptions;
  private readonly clock: Clock;
  private readonly underWay = new Map<string, AnswerOfMany>();
  /** The oldest first. */
  private readonly kept = new Map<string, Kept>();

  constructor(options: SharingOptions, clock: Clock) {
    this.options = options;
    this.clock = clock;
  }

  /**
   * @param ask is ended when the last reader has gone
   * @param isFresh for a question that is to be answered anew
   */
  read(
    asking: Asking,
    ask: Ask,
    reader: Reader,
    isFresh = false,
  ): { readonly source: Source; readonly end: Promise<End> } {
    const key = keyOf(asking);
    const kept = isFresh ? undefined : this.known(key);
    if (kept !== undefined) return { source: 'kept', end: fromMemory(kept, reader) };
    const there = isFresh ? undefined : this.underWay.get(key);
    if (there !== undefined) return { source: 'shared', end: there.read(reader) };
    const answer: AnswerOfMany = new AnswerOfMany((whole) => {
      if (this.underWay.get(key) === answer) this.underWay.delete(key);
      if (whole !== null) this.keep(key, whole);
    });
    this.underWay.set(key, answer);
    const end = answer.read(reader);
    answer.begin(ask);
    return { source: 'asked', end };
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

  private known(key: string): Kept | undefined {
    const found = this.kept.get(key);
    if (found === undefined || found.until > this.clock.elapsed()) return found;
    this.kept.delete(key);
    return undefined;
  }

  private keep(key: string, whole: Whole): void {
    const { keepMs, most } = this.options;
    if (keepMs === 0) return;
    this.kept.delete(key);
    this.kept.set(key, { ...whole, until: this.clock.elapsed() + keepMs });
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
async function fromMemory({ text, end }: Whole, { hear, signal }: Reader): Promise<End> {
  signal.throwIfAborted();
  if (text !== '') hear(text);
  return { ...end, usage: { inputTokens: 0, outputTokens: 0 } };
}
