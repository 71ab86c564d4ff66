/**
 * Calls an application's handlers: timed, cut at their deadline, and what they throw becomes a dead letter, a metric and a
 * refusal to the caller. An application can neither take a connection down nor block the event loop unnoticed.
 */
import type { DeadLetters } from '../actor/dead-letters.ts';
import { DatabaseError } from '../database/database-error.ts';
import { BodyError } from '../node/body-error.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { QueueError } from '../queue/queue-error.ts';
import type { Clock, Scheduler, Timer } from '../telemetry/clock.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Log } from '../telemetry/log.ts';
import { NOT_A_TEXT, refuseUnkept } from './unkept-text.ts';
import type { MaybePromise } from './vocabulary.ts';

/** The parts of an application that are called, as metrics and log lines name them. */
type Part =
  | 'frame'
  | 'route'
  | 'decision'
  | 'publishing'
  | 'history'
  | 'connecting'
  | 'dialect'
  | 'callers'
  | 'hook'
  | 'event'
  | 'background'
  | 'gauge'
  | 'health'
  | 'dead letters'
  | 'stages'
  | 'stop';

export interface CallPorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly counters: Pick<Counters, 'appFailures' | 'appDeadlines' | 'appBlocking'>;
  readonly deadLetters: DeadLetters;
  /** Milliseconds after which a handler that keeps the event loop is named. */
  readonly blockingMs: number;
}

export interface Called {
  readonly part: Part;
  /** Which of them: a type of frames, a path, a pattern, an event. */
  readonly name: string;
  /** `null`: the caller has a deadline of its own, and late answers count. */
  readonly deadlineMs: number | null;
  /** The message as operators may see it, without what it carried. */
  readonly message?: string | undefined;
  /** What its caller has given, by field: looked at where it cannot be kept. */
  readonly given?: readonly unknown[];
  /** Of somebody who may leave before the deadline: then its signal is that of the call. */
  readonly ending?: AbortController;
}

/** Lines on one handler that blocks: the metric counts the others. */
const LINE_EVERY_MS = 10_000;

/** The calls of one application. */
export class Calls {
  readonly app: string;
  private readonly ports: CallPorts;
  private readonly log: Log;
  private readonly toldAt = new Map<string, number>();

  constructor(app: string, ports: CallPorts, log: Log) {
    this.app = app;
    this.ports = ports;
    this.log = log;
  }

  /**
   * Answers exactly once, and never throws.
   * @param work given a signal that is aborted at the deadline, or when its caller has gone
   */
  run<T>(called: Called, work: (signal: AbortSignal) => MaybePromise<T>, answer: (outcome: T | Refusal) => void): void {
    const { ending = new AbortController() } = called;
    let isOver = false;
    let timer: Timer | null = null;
    const settle = (outcome: () => T | Refusal): void => {
      if (isOver) return;
      isOver = true;
      timer?.cancel();
      answer(outcome());
    };
    const failed = (error: unknown): void => settle(() => unavailable(called, error) ?? this.failed(called, error));
    try {
      const result = this.timed(called, () => work(ending.signal));
      if (!isPromise(result)) return settle(() => result);
      result.then((value) => settle(() => value), failed);
    } catch (error) {
      return failed(error);
    }
    const { deadlineMs } = called;
    if (deadlineMs === null) return;
    timer = this.ports.scheduler.after(deadlineMs, () => {
      settle(() => this.late(called, deadlineMs));
      ending.abort();
    });
  }

  /** The same as a promise, which never rejects. */
  ask<T>(called: Called, work: (signal: AbortSignal) => MaybePromise<T>): Promise<T | Refusal> {
    return new Promise((resolve) => this.run(called, work, resolve));
  }

  /** A fault of the application, whatever noticed it. @returns the refusal for its caller */
  failed({ part, name, message }: Called, error: unknown): Refusal {
    const { clock, counters, deadLetters } = this.ports;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    counters.appFailures.add(`${this.app} ${part}`);
    deadLetters.add({
      at: clock.now(),
      actor: `app:${this.app}`,
      error: text,
      message: message ?? JSON.stringify({ part, name }),
    });
    this.log.error('Application failed', { part, name, error: text });
    return refusal('quarantined', `handling this failed inside the application ${this.app}; it was put aside`);
  }

  private late({ part, name }: Called, deadlineMs: number): Refusal {
    this.ports.counters.appDeadlines.add(`${this.app} ${part}`);
    this.log.warn('Application did not answer in time', { part, name, deadline_ms: deadlineMs });
    return refusal(
      'application_timeout',
      `expected an answer of the application ${this.app} within ${deadlineMs} ms: it may have gone on all the same`,
      1_000,
    );
  }

  /** Up to its first wait: what comes after that is other turns of the event loop. */
  private timed<T>({ part, name }: Called, work: () => T): T {
    const { clock, counters, blockingMs } = this.ports;
    const started = clock.elapsed();
    try {
      return work();
    } finally {
      const now = clock.elapsed();
      if (now - started >= blockingMs) {
        counters.appBlocking.add(`${this.app} ${part}`);
        this.tellBlocking(`${part} ${name}`, now - started, now);
      }
    }
  }

  private tellBlocking(handler: string, blockedMs: number, now: number): void {
    if (now - (this.toldAt.get(handler) ?? -LINE_EVERY_MS) < LINE_EVERY_MS) return;
    this.toldAt.set(handler, now);
    this.log.warn('Application blocked the event loop: nobody else was served meanwhile', {
      handler,
      blocked_ms: Math.round(blockedMs),
    });
  }
}

/** Somebody waits for the answer: that the database or a queue is away, a body breaks off or a text has a NUL is no fault of the application. */
const ASKED: ReadonlySet<Part> = new Set([
  'frame',
  'route',
  'decision',
  'publishing',
  'history',
  'connecting',
  'dialect',
]);
const RETRY_MS = 1_000;

function unavailable({ part, given }: Called, error: unknown): Refusal | null {
  if (error instanceof BodyError) return error.refusal;
  if (error instanceof QueueError) return ASKED.has(part) ? untaken(error) : null;
  // The link to the database says so, and the work comes again.
  if (part === 'background' && error instanceof DatabaseError) return error.isTemporary ? away(error) : null;
  if (!(error instanceof DatabaseError) || !ASKED.has(part)) return null;
  if (error.sqlState === NOT_A_TEXT) return refuseUnkept(given ?? []);
  if (!error.isTemporary) return null;
  return away(error);
}

function away({ problem }: DatabaseError): Refusal {
  return problem === 'unknown'
    ? refusal('outcome_unknown', 'the database did not say whether it was stored', RETRY_MS)
    : refusal('database_unavailable', `the database could not do it now: ${problem}`, RETRY_MS);
}

function untaken({ problem }: QueueError): Refusal {
  return problem === 'too_large'
    ? refusal('payload_too_large', 'it is larger than what a queue takes')
    : refusal('queue_unavailable', `the queue could not take it now: ${problem}`, RETRY_MS);
}

function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
