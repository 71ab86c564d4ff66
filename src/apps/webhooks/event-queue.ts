/** Events on their way to the backend: the port between what is told and where it waits. */

/** The oldest events that wait. */
export interface Batch {
  /** Each the JSON text of one event, as it was put in. */
  readonly events: readonly string[];
  /** Where the events end that are in the batch, counted over everything that was ever put in. */
  readonly end: number;
}

export interface DeadLetter {
  /** Of the event. */
  readonly id: string;
  /** Why it was not delivered. */
  readonly reason: string;
  /** When it was given up, in ms since 1970. */
  readonly at: number;
  /** JSON text of the event. */
  readonly event: string;
}

export interface QueueSize {
  readonly events: number;
  readonly bytes: number;
  readonly deadLetters: number;
}

/** The news of a queue for its maker. */
export interface QueueTold {
  /** There is something to {@link EventQueue.peek}. */
  filled(): void;
  /** Events that gave way because the queue was full. They are dead letters, where those could be written. */
  dropped(events: number, why: string): void;
  /** Reading or writing failed; the queue tries again by itself. */
  failed(what: string, error: unknown): void;
}

export interface EventQueue {
  /** Opens it, with what an earlier process has left. @throws Error when it cannot be opened */
  open(): Promise<void>;
  /** Takes an event, at once. A file keeps it for the next process when this returns, a queue that nodes share a round trip later. */
  put(event: string): void;
  /**
   * The oldest events: at most `limit`, and of more than one at most `maxBytes`. `null`: another node delivers them, or
   * they cannot be read now.
   */
  peek(limit: number, maxBytes: number): Promise<Batch | null>;
  /** Everything before `end` is delivered or given up. */
  done(end: number): Promise<void>;
  /** Puts events aside that are given up. The oldest dead letters give way. */
  bury(letters: readonly DeadLetter[]): Promise<void>;
  /** Dead letters, the newest first. */
  deadLetters(limit: number): Promise<readonly DeadLetter[]>;
  /** Puts dead letters into the queue again, behind what waits: those with these ids, or all. @returns how many */
  replay(ids: readonly string[] | null): Promise<number>;
  size(): QueueSize;
  /** Writes what was put in until now. */
  flush(): Promise<void>;
  /** Writes what is still to be written. */
  close(): Promise<void>;
}
