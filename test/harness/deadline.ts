/** Waiting for events in tests: never for ever, and never for a time that is hoped to be long enough. */

/** Anything that takes longer than this has not happened. */
const DEADLINE_MS = 8_000;

/** The promise, or an error that says what was waited for. */
export function within<T>(promise: Promise<T>, what: string, ms = DEADLINE_MS): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Asks again and again until the answer is as wanted: for what tells nobody when it changes. */
export async function eventually(
  isDone: () => boolean | Promise<boolean>,
  what: string,
  ms = DEADLINE_MS,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await isDone())) {
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms for ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}
