/** Verbs of an application: `./signalbox <app> <verb> [words]`, in a process of their own beside the server. */
import type { MaybePromise } from './vocabulary.ts';

/** What a verb is given instead of a host. */
export interface Shell<Settings> {
  readonly settings: Settings;
  /** What follows the verb's name. */
  readonly words: readonly string[];
  /** A line on standard output. */
  readonly print: (line: string) => void;
  /** All of standard input, as text: what shall not stand on a command line, as passwords. */
  readonly input: () => Promise<string>;
  /** Asks the running server: a path of this application's own routes, with the token of `--token` or SIGNALBOX_TOKEN. */
  readonly request: (
    method: string,
    path: string,
    body?: unknown,
  ) => Promise<{ readonly status: number; readonly body: unknown }>;
}

export interface Verb<Settings = unknown> {
  readonly name: string;
  readonly summary: string;
  /** The words that follow. */
  readonly usage?: string;
  /** @returns the exit code: 0 done, 1 the answer is no */
  run(shell: Shell<Settings>): MaybePromise<number>;
}
