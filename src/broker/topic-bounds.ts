/** Bounds that all users of a broker share, those of each tenant and user beside them, and what is said when one is reached. */
import { refusal, type Refusal } from '../protocol/errors.ts';

export interface TopicBounds {
  readonly total: number;
  readonly perTenant: number;
  readonly perUser: number;
}

/** The keys of the configuration that the bounds come from, for the refusal. */
export type BoundNames = { readonly [Bound in keyof TopicBounds]: string };

export interface BrokerShares {
  /** Without: half of all for each tenant. */
  readonly perTenant: number | undefined;
  /** Without: a quarter of all for each user. */
  readonly perUser: number | undefined;
  /** Inboxes of direct messages, which do not count as topics. */
  readonly inboxes: number;
  /** Unread direct messages of one sender in an inbox that has those of others. */
  readonly directPerSender: number;
}

/** With the bound of topics that all share. */
export interface TopicLimits extends BrokerShares {
  readonly maxTopics: number;
}

/** No hoarder has so few topics, however small the bound that all share. */
const FEW = 10;
/** When a client that was refused a new topic may come back. */
export const TOPIC_RETRY_MS = 1_000;
const INBOX_RETRY_MS = 60_000;

export function topicBounds(
  total: number,
  { perTenant, perUser }: Pick<BrokerShares, 'perTenant' | 'perUser'>,
): TopicBounds {
  return {
    total,
    perTenant: perTenant ?? Math.max(FEW, Math.floor(total / 2)),
    perUser: perUser ?? Math.max(FEW, Math.floor(total / 4)),
  };
}

/** @param total the key of the bound that all share */
export function boundNames(total: string): BoundNames {
  return { total, perTenant: 'topics.max_topics_per_tenant', perUser: 'topics.max_topics_per_user' };
}

/** @param where the topics are counted: `on this node` */
export function noRoom(key: string, bound: number, where: string): Refusal {
  return refusal(
    'topic_limit',
    `expected at most ${bound} topics ${where} (${key}), and this would be one more; those that nobody uses make room`,
    TOPIC_RETRY_MS,
  );
}

export function inboxFull(share: number): Refusal {
  return refusal(
    'inbox_full',
    `expected at most ${share} unread messages of one sender beside those of others (topics.direct_per_sender), and none that would push out what others have sent`,
    INBOX_RETRY_MS,
  );
}
