/** How long a topic's log is kept. */
import { isDirectTopic, isPresenceTopic, matches, tenantOf, wireName, type Topic } from '../protocol/topic.ts';

export interface Retention {
  /** Messages; 0 makes the topic ephemeral. */
  readonly messages: number;
  readonly ageMs: number;
  readonly bytes: number;
}

/** Retention of the topics that a pattern (in wire names, so for every tenant) matches. The first match counts. */
export interface RetentionRule extends Retention {
  readonly pattern: string;
}

export interface RetentionRules {
  readonly rules: readonly RetentionRule[];
  readonly fallback: Retention;
  /** For every user's direct messages. */
  readonly direct: Retention;
}

/** A reader who comes back later than this reads who is present anew. */
export const PRESENCE: Retention = { messages: 1_000, ageMs: 600_000, bytes: 4_194_304 };

export function retentionOf(topic: Topic, { rules, fallback, direct }: RetentionRules): Retention {
  if (isDirectTopic(topic)) return direct;
  if (isPresenceTopic(topic)) return PRESENCE;
  const name = tenantOf(topic) === '' ? topic : wireName(topic);
  return rules.find((rule) => matches(rule.pattern, name)) ?? fallback;
}
