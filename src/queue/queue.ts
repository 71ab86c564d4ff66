/** Queues as applications see them: what is put in is handled at least once, on one of the nodes (docs/queues.md). */
import type { JsonValue } from '../protocol/frames.ts';

export interface NewMessage {
  /** Of 1 to 128 characters, for operators and in logs, so nothing private; without, one is made. */
  readonly id?: string;
  /** Messages with the same key are handled one after the other, in the order in which they were put in. At most 256 characters. */
  readonly key: string;
  /** The empty string for the default one. */
  readonly tenant: string;
  readonly body: JsonValue;
  /** They stay with the message until it is handled, also through a dead letter. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface QueueMessage {
  readonly id: string;
  readonly key: string;
  readonly tenant: string;
  readonly body: JsonValue;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly queuedAt: number;
  /** From 1: how often it was handed out, this time included. A crash of the consumer counts too. */
  readonly attempt: number;
}

/**
 * Nothing: it is done. `retryAfterMs`: again after so long, and later messages of its key wait; with `isCounted: false`
 * it was no attempt, as when a rate limit lets nothing pass. `dead`: never again, and the reason is kept. A throw is an
 * attempt that failed: again after a growing pause.
 */
export type Outcome =
  | void
  | { readonly retryAfterMs: number; readonly isCounted?: boolean }
  | { readonly dead: string };

export type Handle = (message: QueueMessage, signal: AbortSignal) => Promise<Outcome>;

export interface ConsumeOptions {
  /** Messages handled at the same time by this consumer; without, 32. */
  readonly prefetch?: number;
  /** Times that a message is handed out before it becomes a dead letter; without, 5. */
  readonly attempts?: number;
  /** Pause after the first failure, which doubles with every further one, less up to a half at random; without, 1,000. */
  readonly retryMs?: number;
  /** The longest pause; without, 60,000. */
  readonly maxRetryMs?: number;
  /** After so long the signal is aborted and the attempt has failed; without, 60,000. */
  readonly deadlineMs?: number;
}

export interface Consumer {
  /** Messages in the hands of the handler. */
  readonly inWork: number;
  /**
   * Takes no more, waits for what is in work, aborts what is not done in time, and gives that back to the queue.
   * @param graceMs without, 5,000
   */
  stop(graceMs?: number): Promise<void>;
}

export interface QueueDepth {
  /** They wait to be handed out. */
  readonly ready: number;
  /** Handed out and not settled. */
  readonly unacknowledged: number;
  /** They wait for their next attempt. */
  readonly later: number;
  readonly dead: number;
}

/** A message that was given up. */
export interface DeadMessage extends QueueMessage {
  readonly reason: string;
  /** When it was given up, in milliseconds since 1970. */
  readonly at: number;
}

/** One named queue of all nodes, or of this node alone where it is kept in memory. Everything rejects with a QueueError. */
export interface Queue {
  readonly name: string;
  /**
   * Resolves when the queue has it, as safe as the broker keeps it.
   * @throws RangeError when the key, the id or the headers cannot be
   */
  put(message: NewMessage): Promise<void>;
  /** Several consumers of a queue, on one node or many, share its messages. */
  consume(options: ConsumeOptions, handle: Handle): Consumer;
  depth(): Promise<QueueDepth>;
  /** Dead letters, the newest first. */
  dead(limit: number): Promise<readonly DeadMessage[]>;
  /**
   * Puts dead letters behind what waits, as if they were new, with their headers.
   * @param ids those with these ids; `null` the oldest
   * @param limit at most so many; without, 1,000
   * @returns how many
   */
  replay(ids: readonly string[] | null, limit?: number): Promise<number>;
  /** Drops what waits, now or for its next attempt; neither what is in work nor dead letters. @returns how many */
  purge(): Promise<number>;
  /** Drops dead letters. @returns how many */
  purgeDead(): Promise<number>;
}
