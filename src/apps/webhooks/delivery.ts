/**
 * Delivers what waits in the queue: one batch at a time, so that order holds; again until the backend has taken it. Time,
 * randomness, queue and sending are ports.
 */
import type { Clock, Random, Scheduler, Timer } from '../../telemetry/clock.ts';
import type { DeadLetter, EventQueue } from './event-queue.ts';
import { retryDelayMs, type RetryOptions } from '../calling/retry-schedule.ts';

export interface DeliveryOptions {
  readonly batchEvents: number;
  readonly batchBytes: number;
  readonly retry: RetryOptions;
  /** How often an event alone is tried while the backend answers with errors. */
  readonly attempts: number;
  /** An event this old is given up with the next failure. */
  readonly maxAgeMs: number;
}

/** What became of an attempt. */
export type Sent =
  | { readonly kind: 'delivered' }
  /** The backend says that it will never take this. */
  | { readonly kind: 'rejected'; readonly detail: string }
  /** The backend answered, and did not take it. */
  | { readonly kind: 'failed'; readonly detail: string; readonly retryAfterMs: number | undefined }
  /** The backend was not there, or did not answer in time. */
  | { readonly kind: 'away'; readonly detail: string; readonly isLate: boolean };

export interface DeliveryPorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Never rejects. @param id the same for every attempt with these events */
  send(id: string, events: readonly string[]): Promise<Sent>;
}

export interface DeliveryTold {
  delivered(events: number): void;
  retrying(sent: Exclude<Sent, { kind: 'delivered' }>, failures: number, delayMs: number): void;
  gaveUp(letters: readonly DeadLetter[]): void;
  broke(error: unknown): void;
}

/** Where an event that was told has to look for what delivery wants to know of it. */
interface Facts {
  readonly id: string;
  readonly at: number;
}

/** Until it looks again at a queue that cannot be read, or that another node delivers. */
const LOOK_AGAIN_MS = 1_000;
/** Failures after which it looks whether it is one event that fails. */
const PATIENCE = 2;

export class Delivery {
  private readonly options: DeliveryOptions;
  private readonly queue: EventQueue;
  private readonly ports: DeliveryPorts;
  private readonly told: DeliveryTold;
  private limit: number;
  private failures = 0;
  private failure = '';
  private attemptsAlone = 0;
  private waiting: Timer | null = null;
  private running: Promise<void> | null = null;
  private isWanted = false;
  private isStopped = false;

  constructor(options: DeliveryOptions, queue: EventQueue, ports: DeliveryPorts, told: DeliveryTold) {
    this.options = options;
    this.queue = queue;
    this.ports = ports;
    this.told = told;
    this.limit = options.batchEvents;
  }

  /** Failures in a row. */
  get failuresInRow(): number {
    return this.failures;
  }

  /** What the last failure was: `failed: status 401`, `away: ECONNREFUSED`. */
  get lastFailure(): string {
    return this.failure;
  }

  /** There is something in the queue. Does nothing while it delivers, or waits before the next attempt. */
  wake(): void {
    if (this.isStopped || this.waiting !== null) return;
    this.isWanted = true;
    if (this.running !== null) return;
    this.running = this.run()
      .catch((error: unknown) => {
        this.told.broke(error);
        this.lookAgain(LOOK_AGAIN_MS);
      })
      .finally(() => {
        this.running = null;
        // Something came after it had found nothing.
        if (this.isWanted) this.wake();
      });
  }

  /** Tries at once what waits for its next attempt: what the backend lacked is there again, as an operator says. */
  hurry(): void {
    this.waiting?.cancel();
    this.waiting = null;
    this.wake();
  }

  /** Resolves when the queue is empty, or an attempt has failed. */
  async emptied(): Promise<void> {
    this.wake();
    await this.running;
  }

  /** Resolves when nothing is under way any more. Events that were not delivered stay in the queue. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.waiting?.cancel();
    this.waiting = null;
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      this.isWanted = false;
      const batch = await this.queue.peek(this.limit, this.options.batchBytes);
      if (batch === null) return this.lookAgain(LOOK_AGAIN_MS);
      if (batch.events.length === 0) return;
      const facts = batch.events.map((event) => JSON.parse(event) as Facts);
      const id = `${facts[0]?.id}+${facts.length - 1}`;
      const sent = await this.ports.send(id, batch.events);
      const delayMs = await this.settle(sent, batch.events, facts, batch.end);
      if (delayMs > 0) return this.lookAgain(delayMs);
    }
  }

  /** @returns milliseconds before the next attempt; 0 goes on */
  private async settle(sent: Sent, events: readonly string[], facts: readonly Facts[], end: number): Promise<number> {
    const { options } = this;
    if (sent.kind === 'delivered') {
      await this.queue.done(end);
      this.told.delivered(events.length);
      this.over();
      this.limit = Math.min(options.batchEvents, this.limit * 2);
      return 0;
    }
    const isAlone = events.length === 1;
    if (sent.kind === 'rejected' && !isAlone) {
      this.limit = Math.ceil(events.length / 2);
      return 0;
    }
    if (isAlone && sent.kind === 'failed') this.attemptsAlone += 1;
    if (isAlone && this.isHopeless(sent, facts[0])) {
      await this.giveUp(events, facts, end, reasonOf(sent));
      return 0;
    }
    this.failures += 1;
    this.failure = reasonOf(sent);
    // Is it one of them, or are they too many for the time?
    const mayBeTheEvents = sent.kind === 'failed' || (sent.kind === 'away' && sent.isLate);
    if (this.failures >= PATIENCE && mayBeTheEvents) this.limit = 1;
    const askedMs = sent.kind === 'failed' ? sent.retryAfterMs : undefined;
    const delayMs = retryDelayMs(this.failures, options.retry, this.ports.random, askedMs);
    this.told.retrying(sent, this.failures, delayMs);
    return (await this.buryOld(sent, events, facts, end)) ? 0 : delayMs;
  }

  private isHopeless(sent: Sent, facts: Facts | undefined): boolean {
    return sent.kind === 'rejected' || this.attemptsAlone >= this.options.attempts || this.isOld(facts);
  }

  /** A batch is in order of time: those at its beginning may be too old. */
  private async buryOld(sent: Sent, events: readonly string[], facts: readonly Facts[], end: number): Promise<boolean> {
    const old = facts.findLastIndex((each) => this.isOld(each)) + 1;
    if (old === 0) return false;
    await this.giveUp(events.slice(0, old), facts, end - events.length + old, `too old; ${reasonOf(sent)}`);
    return true;
  }

  private isOld(facts: Facts | undefined): boolean {
    return facts !== undefined && this.ports.clock.now() - facts.at > this.options.maxAgeMs;
  }

  private async giveUp(events: readonly string[], facts: readonly Facts[], end: number, reason: string): Promise<void> {
    const at = this.ports.clock.now();
    const letters = events.map((event, index) => ({ id: facts[index]?.id ?? '', reason, at, event }));
    await this.queue.bury(letters);
    await this.queue.done(end);
    this.told.gaveUp(letters);
    this.over();
  }

  private over(): void {
    this.failures = 0;
    this.attemptsAlone = 0;
  }

  private lookAgain(ms: number): void {
    if (this.isStopped) return;
    this.waiting = this.ports.scheduler.after(ms, () => {
      this.waiting = null;
      this.wake();
    });
  }
}

function reasonOf(sent: Sent): string {
  return sent.kind === 'delivered' ? '' : `${sent.kind}: ${sent.detail}`;
}
