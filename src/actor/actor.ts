/** What an actor is: it handles one message at a time, also across waits, and fails without taking others along. */

export type StopReason = 'finished' | 'failure_limit';

export interface Actor<M> {
  readonly id: string;
  /** Handles one message. While a returned promise is pending, or after `suspend`, further messages wait in the inbox. */
  receive(message: M): void | Promise<void>;
  /** Told after a failure, before the next message. `message` is what was being handled, `null` in an answer without one. */
  failed(error: unknown, message: M | null): void;
  /** Told once, last. */
  stopped(reason: StopReason): void;
  /** What a dead letter may show of a message: shortened, and without secrets. */
  describe(message: M): string;
}

/** What a supervisor does about a failure. */
export type Directive = 'go_on' | 'stop' | 'escalate';

export interface ActorHealth {
  readonly id: string;
  readonly mailbox_size: number;
  readonly mailbox_bytes: number;
  /** How long the oldest message has waited. */
  readonly oldest_age_ms: number;
  readonly messages_processed: number;
  /** Mean milliseconds of a message. */
  readonly processing_time_ms: number;
  /** Failures per message. */
  readonly error_rate: number;
  readonly restart_count: number;
  readonly last_error: string | null;
}
