/** The options of a publish, its answers, and the traces that it leaves behind. */

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
  firstSentAt: number | null;
}

export interface QueueOptions {
  readonly maxMessages?: number;
  readonly maxBytes?: number;
  /** A publish that was not sent by then is not sent any more. */
  readonly maxAgeMs?: number;
}
