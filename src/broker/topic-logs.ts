/**
 * What the distributed broker needs of a store that nodes share: the logs of topics and notices of what is published.
 * The port knows no client library and no keys, so that the broker's logic runs in the simulator over logs of its own.
 */
import type { Refusal } from '../protocol/errors.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Appended, ReadRequest, Reply } from './broker.ts';
import type { Retention } from './retention.ts';

/** An epoch and its first sequence. */
export interface Era {
  readonly epoch: string;
  readonly first: number;
}

/** Where a topic stands. */
export interface Head extends Era {
  /** The newest sequence. */
  readonly top: number;
  /** Older epochs, the newest first. */
  readonly lineage: readonly Era[];
  /** Up to here its owner has withdrawn messages; 0 when it has none. */
  readonly withdrawn: number;
}

/** Topics that a pattern matches. */
export interface Matching {
  readonly heads: ReadonlyMap<Topic, Head>;
  /** What the names that were looked at cost, in names of the node's memory; a look for several patterns is shared by them. */
  readonly looked: number;
}

export interface StoredRecord {
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly record: string;
}

export interface LogPage extends Head {
  /** The oldest sequence that can be read; `top + 1` when there is none. */
  readonly oldest: number;
  readonly after: number;
  readonly lost: 'history_lost' | 'unknown_epoch' | null;
  readonly records: readonly StoredRecord[];
}

/** A message to be stored. */
export interface NewRecord {
  readonly record: string;
  /** The user who sends it. */
  readonly from: string;
  /** Digests of the idempotency key with its user, and of the payload. */
  readonly once: { readonly key: string; readonly digest: string } | null;
}

/** What became of it. */
export type Stored =
  | { readonly epoch: string; readonly sequence: number; readonly time: number; readonly duplicate: boolean }
  | 'conflict'
  | Refusal;

/** A topic whose position is asked for, and the user for whom it begins if it does not exist; '' for the server itself. */
export interface AskedTopic {
  readonly name: Topic;
  readonly by: string;
}

/** One call of a turn. Calls are sent together, and take effect in their order. */
export type LogCall =
  | {
      readonly kind: 'append';
      readonly topic: Topic;
      readonly retention: Retention;
      readonly records: readonly NewRecord[];
      readonly reply: Reply<readonly Stored[]>;
    }
  | {
      readonly kind: 'owner';
      readonly topic: Topic;
      readonly retention: Retention;
      readonly epoch: string;
      readonly sequence: number;
      /** The owner's, in ms since 1970. */
      readonly timestamp: number;
      readonly record: string;
      readonly reply: Reply<Appended>;
    }
  | {
      readonly kind: 'withdraw';
      readonly topic: Topic;
      readonly upTo: number;
      readonly reply: Reply<null>;
    }
  | {
      readonly kind: 'ephemeral';
      readonly topic: Topic;
      readonly record: string;
      readonly once: NewRecord['once'];
      readonly reply: Reply<{ readonly outcome: 'published' | 'duplicate' | 'conflict' }>;
    };

/** Messages that were published to a topic, in one step. */
export interface LogNotice {
  readonly kind: 'logged';
  readonly epoch: string;
  /** First sequence of the epoch. */
  readonly first: number;
  /** The epoch before it, `-` when there is none. */
  readonly previous: string;
  /** The owner of the topic began its own numbering with this message. */
  readonly adopted: boolean;
  /** As of a head: a node that has missed the notice of it learns it here. */
  readonly withdrawn: number;
  readonly records: readonly StoredRecord[];
}

export interface EphemeralNotice {
  readonly kind: 'ephemeral';
  readonly record: string;
}

/** The log has given up what it had up to here. */
export interface WithdrawnNotice {
  readonly kind: 'withdrawn';
  readonly upTo: number;
}

export type Notice = LogNotice | EphemeralNotice | WithdrawnNotice;

export interface TopicLogsListener {
  noticed(topic: Topic, notice: Notice): void;
  /** Notices may have been missed until now; every subscription has to be made again. */
  reconnected(): void;
  /** Calls are answered again: what was published meanwhile may not be known here. */
  available(): void;
}

export interface TopicLogs {
  /** What keeps the logs, as refusals call it. */
  readonly store: string;
  /** Whether calls have a chance. While not, they are refused at once. */
  readonly isAvailable: boolean;
  start(listener: TopicLogsListener): Promise<void>;
  stop(): Promise<void>;
  /** Each call gets one answer; `outcome_unknown` when it may have taken effect. */
  send(calls: readonly LogCall[]): void;
  /** Where the topics stand; those that do not exist begin, if there is room. `null` for those that were not answered. */
  heads(topics: readonly AskedTopic[], reply: (answer: readonly (Head | Refusal | null)[]) => void): void;
  /** Where those of the topics stand that exist: nothing begins, and nothing lives longer for it. */
  standing(topics: readonly Topic[], reply: Reply<ReadonlyMap<Topic, Head>>): void;
  /** Answers `null` when there is no such topic. */
  read(topic: Topic, request: ReadRequest, ageMs: number, reply: (answer: LogPage | Refusal | null) => void): void;
  /** Logged topics that a pattern matches with where they stand, at most so many. */
  matching(pattern: string, limit: number, reply: Reply<Matching>): void;
  /** Once it is answered, every notice of the topics comes. Prefixes are first segments of names. */
  subscribe(topics: readonly Topic[], prefixes: readonly string[], reply: (refused: Refusal | null) => void): void;
  unsubscribe(topics: readonly Topic[], prefixes: readonly string[]): void;
}
