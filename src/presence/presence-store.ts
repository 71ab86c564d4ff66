/**
 * The port that keeps who is present, for all nodes that share it. Duties of every implementation (contract-suite.ts
 * holds them to it):
 * - A batch takes effect in one step: the members change, and what changed is appended to the log of the topic's presence.
 * - Every batch may be sent again: entering where one is present is an update, leaving where one is not is nothing.
 * - Of topics of applications it answers whom a batch was about, and who has come or gone by it.
 * - An owner that was ended writes nothing any more: its batches are answered `gone`.
 */
import type { Reply } from '../broker/broker.ts';
import type { Position } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';

/** Why somebody is not present any more. Clients are told these. */
export type LeaveReason = 'left' | 'expired' | 'node_lost' | 'kicked' | 'not_allowed';

/** A member: a user, or one connection of a user where the rule of the topic says so. */
export interface Identity {
  /** What tells members of a topic apart. */
  readonly member: string;
  /** The fields that readers see, as JSON without braces: `"user":"ada"`. */
  readonly who: string;
}

export type PresenceChange =
  | (Identity & {
      readonly op: 'enter';
      /** The connection, unique for its owner. */
      readonly entry: string;
      /** JSON text of an object. */
      readonly data: string;
    })
  | { readonly op: 'leave'; readonly entry: string; readonly reason: LeaveReason };

export interface PresenceBatch {
  /** The topic in which they are present, as the node knows it. */
  readonly topic: Topic;
  /** One run of a node. */
  readonly owner: string;
  readonly changes: readonly PresenceChange[];
  /** After it the owner has nobody in the topic. */
  readonly isLast: boolean;
}

export interface Applied {
  /** Members of the topic, of all nodes. */
  readonly count: number;
  /** Where the log of its presence stands. */
  readonly position: Position;
  /** Of a topic of an application: whom the batch was about. */
  readonly touched?: readonly Touched[];
}

/** Somebody whom a batch was about. */
export interface Touched {
  readonly member: string;
  readonly isPresent: boolean;
  /** Whether it was otherwise before. Of a batch that is sent again nothing may have changed. */
  readonly hasChanged: boolean;
}

export interface Removed {
  readonly removed: number;
  readonly isMore: boolean;
  /** As of {@link Applied}. */
  readonly touched?: readonly Touched[];
}

export interface PresentMember extends Identity {
  /** JSON text. */
  readonly data: string;
  readonly connections: number;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Of the last change that readers were told. */
  readonly sequence: number;
}

export interface MembersRequest {
  /** What the page before gave as `next`; '' for the first. */
  readonly after: string;
  readonly limit: number;
  /** Of a topic with more members there is no page: walking through a crowd that nobody is shown is work for nothing. */
  readonly most?: number | undefined;
  /** Only this one. */
  readonly member?: string | undefined;
}

export interface MembersPage {
  readonly count: number;
  /** Read before the members: what changes later has a greater sequence. */
  readonly position: Position;
  /** Everybody who stays while the pages are read is in one of them, perhaps in two. */
  readonly members: readonly PresentMember[];
  readonly next: string | null;
}

/** A run of a node that has, or had, somebody present. */
interface Owner {
  readonly owner: string;
  /** Its node's lease has not run out. */
  readonly isLive: boolean;
  /** What it left is being removed. */
  readonly isEnding: boolean;
}

export interface Overview {
  /** Another one than before: what was written last may be lost. */
  readonly era: string;
  readonly owners: readonly Owner[];
}

export interface PresenceStore {
  apply(batch: PresenceBatch, reply: Reply<Applied | 'gone'>): void;
  members(topic: Topic, request: MembersRequest, reply: Reply<MembersPage>): void;
  counts(topics: readonly Topic[], reply: Reply<readonly number[]>): void;
  /** All owners that may have somebody present. */
  look(reply: Reply<Overview>): void;
  /** From now on the owner is removed, whether its node lives or not. @returns whether this node may remove it now */
  end(owner: string, reply: Reply<boolean>): void;
  /** Some topics in which the owner may have somebody. */
  topicsOf(owner: string, limit: number, reply: Reply<readonly Topic[]>): void;
  /** Removes what an ended owner has in a topic, or a part of it. @returns how many entries, and whether there are more */
  remove(owner: string, topic: Topic, reason: LeaveReason, reply: Reply<Removed>): void;
  /** Nothing is left of an ended owner. */
  forget(owner: string): void;
}

/** When a topic's readers are told how many are there instead of who. */
export interface CountMode {
  /** Members from which only counts are told. */
  readonly from: number;
  /** Members below which names are told again. */
  readonly below: number;
}

/** Changes of one publication. */
export const CHANGES_PER_PUBLICATION = 200;
/** Entries that one step removes. */
export const REMOVED_AT_ONCE = 500;
