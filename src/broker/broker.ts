/**
 * The broker port: who owns the logs of topics. Everything a node knows of a topic's past comes through here.
 *
 * Duties of every implementation (contract-suite.ts holds them to it):
 * - Sequences are dense (1, 2, 3 …) within an epoch and minted in one place, in the same step that stores the message.
 * - For a retained topic the listener is told every publication in ascending order. A jump in the sequence means that
 *   the broker could not fill a hole; the router then reads the log.
 * - Replies may come at once or late, and in any order; each request gets exactly one.
 * - Nothing is acknowledged that is not stored; an outcome that is not known is refused as `outcome_unknown`.
 *
 * Replies are callbacks and not promises: a publish is the hottest path of the server, and the simulator decides in
 * which order answers arrive, which V8's microtask queue would otherwise do.
 */
import type { Refusal } from '../protocol/errors.ts';
import type { Position, Publication } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Segment } from '../segments/segment.ts';

/** A message before it has a place. */
export interface Draft {
  /** JSON text. */
  readonly payload: string;
  /** User id of the publisher. */
  readonly from: string;
  readonly clientId: string | undefined;
  readonly trace: string | undefined;
  /** Scope: tenant and topic (both in the topic's name), user, key. */
  readonly idempotencyKey: string | undefined;
}

export interface Published {
  readonly id: string;
  /** `null` for ephemeral topics. */
  readonly position: Position | null;
  /** The key was used with the same payload before: `id` and `position` are those of the first time. */
  readonly duplicate: boolean;
}

/** What became of a message that its owner had numbered. */
export type Appended =
  | { readonly status: 'appended' | 'duplicate' | 'conflict' }
  | { readonly status: 'ahead'; readonly expected: number };

/** What a node knows once it has registered interest. */
export interface Retained {
  /** The head of the topic; `null` for an ephemeral topic or a pattern. */
  readonly position: Position | null;
  /** For a pattern: heads of matching topics, at most as many as the protocol lists. */
  readonly matched: ReadonlyMap<Topic, Position>;
  /** There may be more that match: not every name was looked at. */
  readonly isPartial?: boolean;
  /** Names that were looked at for the pattern outside of this node's memory: the client that causes the look is charged for it. */
  readonly looked?: number;
}

export interface ReadRequest {
  /** Where to start: after a position, at the oldest, or at the first message of a time (ms since 1970). */
  readonly after: Position | 'earliest' | { readonly since: number };
  /** Exclusive upper end, by sequence. */
  readonly before?: number;
  /** 0 asks only where the request stands. */
  readonly limit: number;
  readonly maxBytes: number;
  /** Newest first: the page ends at `before` (or the head) instead of starting at `after`. */
  readonly reverse?: boolean;
  /** Leaves out what the topic's owner keeps: where the log alone stands. */
  readonly isOfLog?: boolean;
}

export interface History {
  readonly epoch: string;
  /** First sequence of the epoch: positions of older epochs below it are still good. */
  readonly epochFirst: number;
  /** The newest sequence. */
  readonly top: number;
  /** The oldest sequence that can be read; `top + 1` when there is none. */
  readonly first: number;
  /** The sequence after which the request's start stands in this epoch. */
  readonly after: number;
  /** Set when the request's position is not of this log: what lay between cannot be named. */
  readonly lost: 'history_lost' | 'unknown_epoch' | null;
  /** Ascending, or descending for `reverse`. */
  readonly publications: readonly Publication[];
}

export type Reply<T> = (answer: T | Refusal) => void;

export interface Broker {
  start(listener: BrokerListener): Promise<void>;
  stop(): Promise<void>;
  /**
   * Registers this node's interest in a topic or pattern; counted, so release as often.
   * @param by the user who subscribes, whose bound a new topic counts towards; '' for the server itself
   */
  retain(filter: Topic, reply: Reply<Retained>, by?: string): void;
  release(filter: Topic): void;
  /** Stores a message and mints its sequence. Calls of one caller take effect in order. */
  publish(topic: Topic, draft: Draft, reply: Reply<Published>): void;
  /**
   * Stores a message at the sequence that the topic's owner gave it.
   * @param timestamp the owner's, in ms since 1970; where it runs back, the one before it holds
   */
  append(topic: Topic, position: Position, timestamp: number, draft: Draft, reply: Reply<Appended>): void;
  /**
   * The owner of a topic keeps something else at places up to here: the log and what nodes keep of it give their words up, and
   * readers get the owner's. Nobody is told of a gap. Twice is once.
   */
  withdraw(topic: Topic, upTo: number, reply: Reply<null>): void;
  /** Tells where the owner of a topic keeps what the log no longer has: `read` then reads on there. */
  useHistory(sourceOf: HistorySourceOf): void;
  read(topic: Topic, request: ReadRequest, reply: Reply<History>): void;
}

export interface BrokerListener {
  /**
   * @param segment where a log of this process keeps the publication's JSON frame under its sequence: tails then share it
   * @param arrivedAt when it came to this process, by the monotonic clock, in ms; without, now
   */
  published(publication: Publication, segment?: Segment | null, arrivedAt?: number): void;
  /** The topic goes on under another epoch whose first sequence is `first`; later ones of the old epoch are gone. */
  epochChanged(topic: Topic, epoch: string, first: number): void;
  /**
   * The topic's owner began its own numbering on an empty log: subscribers at the head are now at `position`.
   * @param hasHistory the owner keeps all of its messages: subscribers that had none of a new topic go on from the first
   */
  renumbered(topic: Topic, position: Position, hasHistory: boolean): void;
  /** The topic's owner keeps another text up to this sequence: copies that this node holds are given up. */
  withdrawn(topic: Topic, upTo: number): void;
  /** The topic is no more, and nothing of it was lost: if it comes again, it begins anew under another epoch. */
  forgotten(topic: Topic): void;
}

/** `null`: nobody has more of the topic than the log. */
export type HistorySourceOf = (topic: Topic) => HistorySource | null;

export interface OwnHistory {
  /** The oldest sequence that the owner has. */
  readonly first: number;
  /**
   * Where the topic stands at its owner; `null` before its first message. A log that is new, or was lost, stands there
   * too; without it, it begins anew.
   */
  readonly head?: Position | null;
  readonly publications: readonly Publication[];
}

/** Where the owner of a topic keeps what is older than the broker's log, under the same sequences. */
export interface HistorySource {
  /** Messages with `after < sequence < before`, ascending, without holes, at most `limit`; and the oldest that it has. */
  read(topic: Topic, after: number, before: number, limit: number, reply: Reply<OwnHistory>): void;
}
