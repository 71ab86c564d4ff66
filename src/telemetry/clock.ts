/** Time and scheduling as ports, so that the whole core runs in the simulator on a clock of its own. */

export interface Clock {
  /** Wall-clock milliseconds since 1970: for tokens, timestamps and logs. May step. */
  now(): number;
  /** Milliseconds since the process started, never stepping: for durations and deadlines. */
  elapsed(): number;
}

export interface Timer {
  cancel(): void;
}

export interface Scheduler {
  /** Runs the work once, after the I/O events of the current turn of the event loop have been handled. */
  endOfTurn(work: () => void): void;
  /** Runs the work once, after `ms` milliseconds (at most 2^31 - 1). Does not keep the process alive. */
  after(ms: number, work: () => void): Timer;
  /** Runs the work every `ms` milliseconds. Does not keep the process alive. */
  every(ms: number, work: () => void): Timer;
}

export interface Random {
  /** A new id of 12 characters [A-Za-z0-9_-], unguessable. */
  id(): string;
  /** Uniform in [0, 1). */
  fraction(): number;
}
