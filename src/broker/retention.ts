/** How long a topic's log is kept. */
import { isDirectTopic, matches, tenantOf, wireName, type Topic } from '../protocol/topic.ts';

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

export function retentionOf(topic: Topic, { rules, fallback, direct }: RetentionRules): Retention {
  if (isDirectTopic(topic)) return direct;
  const name = tenantOf(topic) === '' ? topic : wireName(topic);
  return rules.find((rule) => matches(rule.pattern, name)) ?? fallback;
}
