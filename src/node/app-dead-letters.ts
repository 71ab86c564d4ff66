/** What an application has given up, for the edge that shows it to operators. */
import type { Refusal } from '../protocol/errors.ts';

export interface RunningDeadLetters {
  /** The newest first. Never throws, and answers in time. */
  list(limit: number): Promise<{ readonly total: number; readonly deadLetters: readonly object[] } | Refusal>;
  /** Tries them again. @param ids `null` for all */
  replay(ids: readonly string[] | null): void;
}

/** By application. */
export type AppDeadLetters = ReadonlyMap<string, RunningDeadLetters>;
