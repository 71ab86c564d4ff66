/** Topics that an application owns: it decides who may act on them, what is published, and what is older than the log. */
import type { Principal } from '../auth/principal.ts';
import type { Action } from '../auth/rights.ts';
import type { Draft, HistorySource } from '../broker/broker.ts';
import type { Refusal } from '../protocol/errors.ts';
import type { Position } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';

/** A node has none of these (`null`) when no application owns a topic, so that publishing costs one comparison more. */
export interface TopicOwners {
  /** The owner of a topic of the node, or `null`. Called on the hot path once there are owners. */
  of(topic: Topic): TopicOwner | null;
  /** Every owner of topics that a pattern of the node matches: each of them has a say in who may subscribe to it. */
  overlapping(pattern: Topic): readonly Overlap[];
}

export interface Overlap {
  readonly owner: TopicOwner;
  /** The owner owns every topic that the pattern matches: then the token's rules are not asked. */
  readonly isWhole: boolean;
}

/** @param ageMs how long the answer may be remembered; without, `apps.decision_age_secs` */
export type DecisionReply = (problem: Refusal | null, ageMs?: number) => void;

export interface TopicOwner {
  /** The application, for log lines and metrics. */
  readonly app: string;
  /**
   * Decides instead of the token's rules; `null`: the token's rules decide. The token's own `topics` claim narrows what
   * an owner allows.
   * @param name the topic (or the pattern, for `subscribe`) as the client names it: the tenant is the principal's
   */
  readonly mayAct: ((principal: Principal, action: Action, name: string, reply: DecisionReply) => void) | null;
  /** The actions that it decides on: on the others the token's rules decide. Without, all. */
  readonly decides?: readonly Action[] | undefined;
  /**
   * After which sequence the principal may read the topic, 0 for all of it: asked where older messages are read. Without,
   * users that may subscribe read all of it.
   */
  readonly readable?:
    | ((principal: Principal, name: string, reply: (after: number | Refusal) => void) => void)
    | null
    | undefined;
  /** Sees every message before it is published, and may change, store or refuse it; `null`: straight to the broker. */
  readonly publishing:
    | ((principal: Principal, name: string, draft: Draft, reply: (answer: Draft | StoredAt | Refusal) => void) => void)
    | null;
  /** What the log no longer has, under the same sequences; `null`: nothing. */
  readonly history: HistorySource | null;
}

/** The owner has stored the message under its own sequence. The log is appended to there, and the sender told so. */
export interface StoredAt {
  readonly position: Position;
  /** Milliseconds since 1970, as the owner keeps it: a message's id holds it. It never runs back within a topic. */
  readonly timestamp: number;
  /** As it was stored: for a duplicate, as it was stored the first time. */
  readonly draft: Draft;
  /** The same message was stored before: the sender is told its first place. */
  readonly duplicate: boolean;
}
