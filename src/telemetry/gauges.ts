/** What is read off a node when metrics are asked for; the table of metrics says what becomes of it. */
import type { Histogram } from './counters.ts';

/** What is read off the link to the store that nodes share, and off what stands on it. */
export interface SharedStoreGauges {
  readonly state: string;
  readonly isListening: boolean;
  readonly trouble: string | null;
  readonly latencySeconds: number;
  /** Times that everything that was kept was gone. */
  readonly emptied: number;
  readonly lost: number;
  readonly timeouts: number;
  readonly refused: number;
  readonly followedTopics: number;
  readonly tailBytes: number;
  readonly pending: number;
  readonly reads: number;
  readonly tailReads: number;
  readonly holes: number;
  readonly filled: number;
  readonly skipped: number;
  readonly epochChanges: number;
  readonly compared: number;
  readonly sessionsWaiting: number;
  readonly sessionsDropped: number;
}

/** What is read off the database of the applications. */
export interface DatabaseGauges {
  /** The driver. */
  readonly name: string;
  readonly isUp: boolean;
  readonly idle: number;
  readonly busy: number;
  readonly waiting: number;
  readonly lost: number;
  /** By reason. */
  readonly failures: ReadonlyMap<string, number>;
  readonly seconds: Histogram;
  readonly batches: number;
  readonly batched: number;
}

/** What is read off one queue of applications. */
export interface QueueGauges {
  readonly name: string;
  /** Messages by state; none while nobody knows. */
  readonly depth: readonly (readonly [state: string, messages: number])[];
  readonly outcomes: ReadonlyMap<string, number>;
  readonly puts: ReadonlyMap<string, number>;
  readonly seconds: Histogram;
  readonly waits: Histogram;
}

export interface QueuesGauges {
  readonly kind: string;
  readonly isUp: boolean;
  readonly queues: readonly QueueGauges[];
}

/** What is read off a node when metrics are asked for. */
export interface Gauges {
  /** The names of the wire formats, by their numbers. */
  readonly formats: readonly string[];
  /** What clients come over. */
  readonly transports: readonly string[];
  /** By transport, then by format. */
  readonly connections: readonly (readonly number[])[];
  readonly users: number;
  readonly subscriptions: number;
  readonly mailboxMessages: number;
  readonly mailboxBytes: number;
  readonly mailboxLargestMessages: number;
  readonly mailboxOldestSeconds: number;
  readonly connectionsBlocked: number;
  readonly subscriptionsLagging: number;
  readonly unaccounted: number;
  readonly routedTopics: number;
  readonly restingTopics: number;
  readonly tailBytes: number;
  readonly logTopics: number;
  readonly logInboxes: number;
  readonly logTopicsEvicted: number;
  readonly logBytes: number;
  readonly idempotencyKeys: number;
  readonly sessions: number;
  /** Connections of this node in topics. */
  readonly presenceMembers: number;
  /** `null` when the node keeps its topics in memory. */
  readonly sharedStore: SharedStoreGauges | null;
  /** `null` when no application uses one. */
  readonly database: DatabaseGauges | null;
  /** `null` when no application names one. */
  readonly queues: QueuesGauges | null;
  readonly deadLetters: number;
  readonly eventLoopLagSeconds: number;
  readonly logLinesLost: number;
  readonly mode: string;
  readonly build: Readonly<Record<string, string>>;
}
