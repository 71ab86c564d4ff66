/**
 * A provider on bad days: so many calls at once and the others in fair turns, no longer than they may take, repeated before the first
 * delta only, and none at all for a while when nothing answers.
 */
import type { Clock, Random, Scheduler } from '../../../telemetry/clock.ts';
import { CircuitBreaker, type BreakerOptions, type BreakerState } from '../../calling/circuit-breaker.ts';
import { pause } from '../../calling/pause.ts';
import { retryDelayMs, type RetryOptions } from '../../calling/retry-schedule.ts';
import { ProviderError, type End, type Hear, type Provider, type Question } from './provider.ts';
import { TenantTurns, type Owner, type TurnLimits } from './tenant-turns.ts';
import { answerInTime, type TimeLimits } from './timed.ts';

export interface Guards {
  readonly limits: TurnLimits;
  /** How long a call may wait for its turn. */
  readonly patienceMs: number;
  readonly time: TimeLimits;
  /** Of one question, the first included. */
  readonly attempts: number;
  readonly retry: RetryOptions;
  readonly breaker: BreakerOptions;
}

export interface GuardPorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly changed: (state: BreakerState) => void;
}

export class GuardedProvider {
  readonly name: string;
  private readonly provider: Provider;
  private readonly guards: Guards;
  private readonly ports: GuardPorts;
  private readonly turns: TenantTurns;
  private readonly breaker: CircuitBreaker;

  constructor(provider: Provider, guards: Guards, ports: GuardPorts) {
    this.name = provider.name;
    this.provider = provider;
    this.guards = guards;
    this.ports = ports;
    this.turns = new TenantTurns(guards.limits, ports.scheduler);
    this.breaker = new CircuitBreaker(guards.breaker, ports.clock, ports.changed);
  }

  get state(): BreakerState {
    return this.breaker.state;
  }

  get underWay(): number {
    return this.turns.underWay;
  }

  get waiting(): number {
    return this.turns.waiting;
  }

  /**
   * @param owner whose turn it is
   * @throws ProviderError, or the reason of `signal`
   */
  async answer(question: Question, hear: Hear, signal: AbortSignal, owner: Owner): Promise<End> {
    const leave = await this.turns.enter(owner, this.guards.patienceMs, signal);
    if (leave === null) {
      signal.throwIfAborted();
      throw new ProviderError('busy', 'too many questions wait for this provider', this.guards.patienceMs);
    }
    try {
      return await this.attempted(question, hear, signal);
    } finally {
      leave();
    }
  }

  private async attempted(question: Question, hear: Hear, signal: AbortSignal): Promise<End> {
    for (let failures = 0; ;) {
      if (!this.breaker.admits())
        throw new ProviderError('unavailable', 'it has not answered lately, and is not asked', this.breaker.waitMs);
      const call = new Call(this.breaker);
      try {
        const heard: Hear = (text) => {
          call.hasSpoken = true;
          hear(text);
        };
        const end = await answerInTime(this.provider, question, heard, this.guards.time, signal, this.ports);
        call.ended(null);
        return end;
      } catch (error) {
        const failure = signal.aborted ? null : call.ended(error);
        failures += 1;
        if (failure === null || call.hasSpoken || !failure.isWorthRepeating || failures >= this.guards.attempts)
          throw failure ?? error;
        const { scheduler, random } = this.ports;
        await pause(scheduler, retryDelayMs(failures, this.guards.retry, random, failure.retryAfterMs), signal);
      } finally {
        call.left();
      }
    }
  }
}

/** What one call tells the breaker: once, also when its reader goes away. */
class Call {
  hasSpoken = false;
  private readonly breaker: CircuitBreaker;
  private isDecided = false;

  constructor(breaker: CircuitBreaker) {
    this.breaker = breaker;
  }

  /** @param error `null` for an answer that came to its end */
  ended(error: unknown): ProviderError | null {
    this.isDecided = true;
    if (error === null) {
      this.breaker.succeeded();
      return null;
    }
    // A fault of ours, or of a library: nothing was seen of the provider.
    const failure =
      error instanceof ProviderError
        ? error
        : new ProviderError('garbage', error instanceof Error ? error.message : 'a fault that is no error');
    if (failure.isOutage) this.breaker.failed();
    else this.breaker.succeeded();
    return failure;
  }

  left(): void {
    if (this.isDecided) return;
    if (this.hasSpoken) this.breaker.succeeded();
    else this.breaker.undecided();
  }
}
