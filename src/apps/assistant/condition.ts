/**
 * How the provider has been lately, for operators: `/health` and doctor say it in one sentence. Metrics count the same; this is what
 * is wrong now, and a fault whose last sign is older than five minutes is over.
 */
import type { Clock } from '../../telemetry/clock.ts';
import type { Health } from '../app.ts';
import type { BreakerState } from '../calling/circuit-breaker.ts';
import type { Failure } from './providers/provider.ts';

const WINDOW_MS = 300_000;
/** Answers that are remembered. */
const MOST = 200;
/** An answer that takes longer is a fault, whatever it says. */
const SLOW_SECS = 10;
/** Of the answers of the window, from three on: one long answer is no slow provider. */
const SLOW = { share: 0.1, least: 3 };

interface Seen {
  readonly at: number;
  readonly seconds: number;
  readonly failure: Failure | null;
}

export interface Provider {
  readonly name: string;
  readonly state: BreakerState;
}

const SAYS: Readonly<Partial<Record<Failure, string>>> = {
  unauthorized: 'refuses the key',
  invalid: 'refuses what it is asked: its model, or a limit of it',
  busy: 'has no room for more',
};

export class Condition {
  private readonly clock: Pick<Clock, 'elapsed'>;
  /** The oldest first. */
  private readonly seen: Seen[] = [];
  private spentAt = -Infinity;

  constructor(clock: Pick<Clock, 'elapsed'>) {
    this.clock = clock;
  }

  /** An answer has ended by itself. @param seconds from its question */
  ended(seconds: number, failure: Failure | null): void {
    this.seen.push({ at: this.clock.elapsed(), seconds, failure });
    if (this.seen.length > MOST) this.seen.shift();
  }

  /** A user was refused, whose tokens of the day are spent. */
  spent(): void {
    this.spentAt = this.clock.elapsed();
  }

  health({ name, state }: Provider): Health {
    const since = this.clock.elapsed() - WINDOW_MS;
    const lately = this.seen.filter(({ at }) => at >= since);
    const failure = lately.at(-1)?.failure ?? null;
    if (state !== 'closed')
      return degraded(`the provider ${name} does not answer${failure === null ? '' : `: ${failure}`}`);
    if (failure !== null)
      return degraded(`the provider ${name} ${SAYS[failure] ?? `has not answered the last question: ${failure}`}`);
    const slow = lately.filter(({ seconds }) => seconds > SLOW_SECS).length;
    if (slow >= SLOW.least && slow >= SLOW.share * lately.length)
      return degraded(
        `the provider ${name} is slow: ${slow} of the last ${lately.length} answers took longer than ${SLOW_SECS} s`,
      );
    if (this.spentAt >= since) return degraded('users are refused whose tokens of the day are spent');
    return { status: 'healthy' };
  }
}

function degraded(detail: string): Health {
  return { status: 'degraded', detail };
}
