/** A function of the application that answers a text: at once or later, wrongly, or never. */
import type { Environment } from './environment.ts';

/**
 * @param abort takes it back; aborted also when there is an answer
 * @param done told at most once, in the same breath when the function answers so; without a text there is a cause
 */
export function askText(
  ask: () => string | Promise<string>,
  environment: Environment,
  longestMs: number,
  abort: AbortController,
  done: (text: string | undefined, cause?: unknown) => void,
): void {
  const { signal } = abort;
  const settle = (text: unknown, cause?: unknown): void => {
    if (signal.aborted) return;
    abort.abort();
    if (typeof text === 'string' && text !== '') done(text);
    else done(undefined, cause ?? new TypeError(`expected a text, got ${typeof text}`));
  };
  const fail = (cause: unknown): void => settle(undefined, cause);
  const late = (): void => fail(new Error(`no answer within ${longestMs} ms`));
  signal.addEventListener('abort', environment.after(longestMs, late));
  try {
    const answer = ask() as string | Promise<string> | null;
    if (typeof answer === 'object' && answer !== null) answer.then(settle, fail);
    else settle(answer);
  } catch (error) {
    fail(error);
  }
}
