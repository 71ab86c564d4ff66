/** Waits, and gives up with the caller. */
import type { Scheduler } from '../../telemetry/clock.ts';

/** @throws the reason of `signal`, at once */
export function pause(scheduler: Scheduler, ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const timer = scheduler.after(ms, () => {
      signal.removeEventListener('abort', ended);
      resolve();
    });
    const ended = (): void => {
      timer.cancel();
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', ended, { once: true });
  });
}
