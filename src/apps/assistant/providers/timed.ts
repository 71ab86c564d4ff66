/** The pieces of an answer within their time, also of a provider that hangs and takes no notice of its signal. */
import type { Scheduler } from '../../../telemetry/clock.ts';
import { ProviderError, type Piece, type Provider, type Question } from './provider.ts';

export interface TimeLimits {
  readonly firstDeltaMs: number;
  /** Between two of its pieces. */
  readonly silenceMs: number;
  readonly wholeMs: number;
}

/** @throws ProviderError, or the reason of `signal` */
export async function* timedPieces(
  provider: Provider,
  question: Question,
  { firstDeltaMs, silenceMs, wholeMs }: TimeLimits,
  signal: AbortSignal,
  scheduler: Scheduler,
): AsyncGenerator<Piece> {
  signal.throwIfAborted();
  const cut = new AbortController();
  const late = (what: string, ms: number) => (): void =>
    cut.abort(new ProviderError('timeout', `${what} within ${ms} ms`));
  const given = (): void => cut.abort(signal.reason);
  signal.addEventListener('abort', given, { once: true });
  const whole = scheduler.after(wholeMs, late('no end', wholeMs));
  let next = scheduler.after(firstDeltaMs, late('no delta', firstDeltaMs));
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {});
  cut.signal.addEventListener('abort', () => ended.reject(cut.signal.reason), { once: true });
  const pieces = provider.answer(question, cut.signal)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await Promise.race([pieces.next(), ended.promise]);
      next.cancel();
      if (step.done === true) throw new ProviderError('cut', 'the answer ended without an end');
      yield step.value;
      if (step.value.kind === 'end') return;
      next = scheduler.after(silenceMs, late('no more', silenceMs));
    }
  } finally {
    next.cancel();
    whole.cancel();
    signal.removeEventListener('abort', given);
    cut.abort();
    // It may never come back from what it waits for; nobody waits for it.
    Promise.resolve(pieces.return?.()).catch(() => {});
  }
}
