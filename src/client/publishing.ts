/** The options of a publish, its answers, and the traces that it leaves behind. */
import type { SignalboxError } from './errors.ts';

export interface PublishOptions {
  /** At most 64 characters, and never a secret: every subscriber sees it. Drawn when it is not given. */
  readonly key?: string;
  /** Takes it back while it is unsent; once it is sent the outcome is unknown. */
  readonly signal?: AbortSignal;
  /** The same after so many milliseconds. */
  readonly deadlineMs?: number;
  /** What to do without a connection: wait for one (`queue`), or not. */
  readonly whenOffline?: 'queue' | 'reject';
  /** `strict`: sent when all earlier ones of its topic are stored. Costs a round trip each. */
  readonly order?: 'pipelined' | 'strict';
}

export interface Receipt {
  readonly key: string;
  /** Of the message; empty where nothing is kept. */
  readonly id: string;
  readonly topic: string | undefined;
  readonly sequence: number | undefined;
  readonly epoch: string | undefined;
  /** An earlier attempt had been stored already. */
  readonly duplicate: boolean;
  /** Subscribed connections of the node that answered. */
  readonly recipients: number;
}

/** As a storage keeps it. */
export interface SavedEntry {
  /** The client that it was given to, by what its keys begin with. */
  readonly owner: string;
  readonly key: string;
  readonly type: 'Broadcast' | 'DirectMessage';
  /** A topic or a user. */
  readonly to: string;
  /** JSON text. */
  readonly payload: string;
  readonly isStrict: boolean;
  /** Both by the server's clock. */
  readonly createdAt: number;
  readonly firstSentAt: number | null;
}

export interface QueueEntry extends SavedEntry {
  readonly state: 'waiting' | 'sent' | 'failed';
  readonly error: SignalboxError | undefined;
}

export interface QueueStats {
  /** Waiting and sent. */
  readonly messages: number;
  readonly bytes: number;
  readonly failed: number;
  /** Milliseconds since the oldest was published; 0 when there is none. */
  readonly oldestMs: number;
}

export interface QueueOptions {
  readonly maxMessages?: number;
  readonly maxBytes?: number;
  /** A publish that was not sent by then is not sent any more. */
  readonly maxAgeMs?: number;
}

export interface QueueView {
  stats(): QueueStats;
  entries(): readonly QueueEntry[];
  /** Sends a failed one again. @returns whether there was one */
  retry(key: string): boolean;
  /** Forgets what has failed. */
  clear(): void;
}
