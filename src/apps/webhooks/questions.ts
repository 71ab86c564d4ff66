/**
 * Questions to the backend, and what becomes of them: signed, bounded in number and time, kept away from a backend that
 * does not answer, answered from memory for the seconds that the backend has named.
 */
import type { Clock, Random, Scheduler } from '../../telemetry/clock.ts';
import { readAnswer, type AnswerTo, type Outcome, type Question } from './answers.ts';
import type { Backend } from './backend.ts';
import type { BreakerState, BreakerOptions } from '../calling/circuit-breaker.ts';
import { CircuitBreaker } from '../calling/circuit-breaker.ts';
import { FairTurns } from '../calling/fair-turns.ts';
import { RememberedAnswers } from './remembered-answers.ts';
import type { Signer } from './signature.ts';

export interface QuestionOptions {
  /** For one question, waiting included. */
  readonly timeoutMs: number;
  readonly atOnce: number;
  /** Questions that may wait for one of those to end. */
  readonly waiting: number;
  /** Answers that may be remembered. */
  readonly remembered: number;
  readonly breaker: BreakerOptions;
}

export interface QuestionPorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
}

export interface QuestionsTold {
  asked(question: Question, outcome: Outcome<unknown>, seconds: number): void;
  remembered(question: Question): void;
  breaker(state: BreakerState): void;
}

/** One queue for all: the questions of nobody go before those of others. */
const ALL = '';

export class Questions {
  private readonly options: QuestionOptions;
  private readonly backend: Backend;
  private readonly signer: Signer;
  private readonly ports: QuestionPorts;
  private readonly told: QuestionsTold;
  private readonly breaker: CircuitBreaker;
  private readonly turns: FairTurns;
  private readonly memory: RememberedAnswers<AnswerTo<Question>>;
  /** Answers to what was asked before belong to a past in which other rights held. */
  private era = 0;

  constructor(options: QuestionOptions, backend: Backend, signer: Signer, ports: QuestionPorts, told: QuestionsTold) {
    this.options = options;
    this.backend = backend;
    this.signer = signer;
    this.ports = ports;
    this.told = told;
    this.breaker = new CircuitBreaker(options.breaker, ports.clock, (state) => told.breaker(state));
    this.turns = new FairTurns({ ...options, waitingInAll: options.waiting }, ports.scheduler);
    this.memory = new RememberedAnswers(options.remembered, ports.clock);
  }

  get breakerState(): BreakerState {
    return this.breaker.state;
  }

  get underWay(): number {
    return this.turns.underWay;
  }

  get rememberedAnswers(): number {
    return this.memory.size;
  }

  /** Questions that were answered until now are asked anew. */
  forget(): void {
    this.era += 1;
    this.memory.forget();
  }

  /**
   * Never rejects.
   * @param about what tells one question from another; `null` for those whose answers are never remembered
   * @param data the same and more, for the backend
   */
  async ask<Q extends Question>(question: Q, about: object | null, data: object): Promise<Outcome<AnswerTo<Q>>> {
    const key = about === null || this.options.remembered === 0 ? null : `${question} ${JSON.stringify(about)}`;
    const known = key === null ? undefined : this.memory.get(key);
    if (known !== undefined) {
      this.told.remembered(question);
      return { kind: 'answer', answer: known as AnswerTo<Q> };
    }
    const { clock } = this.ports;
    const startedAt = clock.elapsed();
    const { era } = this;
    const outcome = await this.send(question, data, startedAt);
    this.told.asked(question, outcome, (clock.elapsed() - startedAt) / 1_000);
    if (key !== null && outcome.kind === 'answer' && era === this.era) this.remember(key, outcome.answer);
    return outcome;
  }

  private remember(key: string, answer: AnswerTo<Question>): void {
    if ('remember_secs' in answer) this.memory.put(key, answer, answer.remember_secs ?? 0);
  }

  private async send<Q extends Question>(question: Q, data: object, startedAt: number): Promise<Outcome<AnswerTo<Q>>> {
    const { clock, random } = this.ports;
    const { timeoutMs } = this.options;
    // An open breaker refuses at once: nobody waits for a place first.
    if (this.breaker.state === 'open' && this.breaker.waitMs > 0) return this.breakerOpen();
    if (!(await this.turns.enter(ALL, timeoutMs)))
      return down('busy', `${this.options.atOnce} questions are under way`);
    try {
      const remainingMs = timeoutMs - (clock.elapsed() - startedAt);
      if (remainingMs <= 0) return down('busy', 'no place in time');
      if (!this.breaker.admits()) return this.breakerOpen();
      const now = clock.now();
      const body = Buffer.from(JSON.stringify({ type: question, timestamp: new Date(now).toISOString(), data }));
      const reply = await this.backend.post(body, this.signer.headers(random.id(), now, body), remainingMs);
      const outcome = readAnswer(question, reply);
      if (outcome.kind === 'down') this.breaker.failed();
      else this.breaker.succeeded();
      return outcome;
    } finally {
      this.turns.leave();
    }
  }

  private breakerOpen(): Outcome<never> {
    const { waitMs } = this.breaker;
    return {
      ...down('breaker_open', 'the backend did not answer lately'),
      retryAfterMs: waitMs > 0 ? waitMs : undefined,
    };
  }
}

function down(why: 'busy' | 'breaker_open', detail: string): Outcome<never> & { kind: 'down' } {
  return { kind: 'down', why, detail, retryAfterMs: undefined };
}
