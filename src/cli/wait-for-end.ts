/** What ends a server: a signal, or itself. */
import { hasStarted } from './early-signals.ts';

/**
 * Resolves with the first signal, or the reason of `ending`. A second one ends the process at once.
 * @param signals what ends it
 * @param beforeAbruptEnd what must not be left behind then
 */
export function waitForEnd(
  ending: AbortSignal,
  signals: readonly NodeJS.Signals[],
  beforeAbruptEnd: () => void = () => {},
): Promise<string> {
  return new Promise((resolve) => {
    let isEnding = false;
    const end = (reason: string): void => {
      if (isEnding) {
        beforeAbruptEnd();
        process.exit(1);
      }
      isEnding = true;
      resolve(reason);
    };
    for (const signal of signals) process.on(signal, end);
    hasStarted();
    ending.addEventListener('abort', () => end(String(ending.reason)));
  });
}
