/** What ends a server: a signal, or itself. */

/**
 * Resolves with the first signal, or the reason of `ending`. A second one ends the process at once.
 * @param beforeAbruptEnd what must not be left behind then
 */
export function waitForEnd(ending: AbortSignal, beforeAbruptEnd: () => void = () => {}): Promise<string> {
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
    process.on('SIGTERM', end);
    process.on('SIGINT', end);
    ending.addEventListener('abort', () => end(String(ending.reason)));
  });
}
