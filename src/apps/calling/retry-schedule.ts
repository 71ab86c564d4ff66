/** How long to wait before the next attempt: twice as long after each failure up to a bound, with jitter. */
import type { Random } from '../../telemetry/clock.ts';

export interface RetryOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Between half and all of the delay: servers that failed together do not come back together, and none comes back at once.
 * @param failures in a row, from 1
 * @param askedMs what the backend asked for with `Retry-After`; counts up to the bound
 */
export function retryDelayMs(
  failures: number,
  { firstMs, maxMs }: RetryOptions,
  random: Random,
  askedMs: number | undefined = 0,
): number {
  const whole = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.max(Math.min(askedMs, maxMs), whole / 2 + (whole / 2) * random.fraction());
}
