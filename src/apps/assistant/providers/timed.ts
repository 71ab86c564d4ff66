/** An answer within its time, also of a provider that hangs and takes no notice of its signal. */
import type { Clock, Scheduler, Timer } from '../../../telemetry/clock.ts';
import { ProviderError, type End, type Hear, type Provider, type Question } from './provider.ts';

export interface TimeLimits {
  readonly firstDeltaMs: number;
  /** Between two of its pieces. */
  readonly silenceMs: number;
  readonly wholeMs: number;
}

export interface TimePorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/** @throws ProviderError, or the reason of `signal`; nothing is heard afterwards */
export async function answerInTime(
  provider: Provider,
  question: Question,
  hear: Hear,
  limits: TimeLimits,
  signal: AbortSignal,
  ports: TimePorts,
): Promise<End> {
  signal.throwIfAborted();
  const time = new AnswerTime(limits, ports);
  const given = (): void => time.end(signal.reason);
  signal.addEventListener('abort', given, { once: true });
  try {
    return await Promise.race([
      provider.answer(
        question,
        (text) => {
          if (time.heard()) hear(text);
        },
        time.signal,
      ),
      time.ended,
    ]);
  } finally {
    signal.removeEventListener('abort', given);
    // The provider may never come back from what it waits for; nobody waits for it.
    time.end(new ProviderError('cut', 'nobody reads it any more'));
  }
}

class AnswerTime {
  /** Rejects with what ended it. */
  readonly ended: Promise<never>;
  private readonly limits: TimeLimits;
  private readonly ports: TimePorts;
  private readonly cut = new AbortController();
  private readonly whole: Timer;
  private next: Timer;
  private lastHeard: number | null = null;

  constructor(limits: TimeLimits, ports: TimePorts) {
    this.limits = limits;
    this.ports = ports;
    const { wholeMs, firstDeltaMs } = limits;
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    this.ended = promise;
    this.cut.signal.addEventListener('abort', () => reject(this.cut.signal.reason as Error), { once: true });
    this.whole = ports.scheduler.after(wholeMs, () => this.late('no end', wholeMs));
    this.next = ports.scheduler.after(firstDeltaMs, () => this.late('no delta', firstDeltaMs));
  }

  get signal(): AbortSignal {
    return this.cut.signal;
  }

  /** Only notes when: a timer for every delta cost as much as reading it. @returns whether it still counts */
  heard(): boolean {
    if (this.cut.signal.aborted) return false;
    const isFirst = this.lastHeard === null;
    this.lastHeard = this.ports.clock.elapsed();
    if (isFirst) this.listen(this.limits.silenceMs);
    return true;
  }

  end(reason: unknown): void {
    if (this.cut.signal.aborted) return;
    this.whole.cancel();
    this.next.cancel();
    this.cut.abort(reason);
  }

  private listen(ms: number): void {
    this.next.cancel();
    this.next = this.ports.scheduler.after(ms, () => this.look());
  }

  private look(): void {
    const { silenceMs } = this.limits;
    const left = (this.lastHeard ?? 0) + silenceMs - this.ports.clock.elapsed();
    // Timers run up to a millisecond early.
    if (left >= 1) this.listen(left);
    else this.late('no more', silenceMs);
  }

  private late(what: string, ms: number): void {
    this.end(new ProviderError('timeout', `${what} within ${ms} ms`));
  }
}
