/** What the configuration says of how long messages are kept, in the terms of a broker. */
import type { RetentionRules } from '../../broker/retention.ts';
import type { Config } from '../../config/schema.ts';

/** @param ephemeral topics that their applications never store: what the configuration says of them does not count */
export function retentionRules({ topics }: Config, ephemeral: readonly string[]): RetentionRules {
  const fallback = { messages: topics.history, ageMs: topics.age_secs * 1_000, bytes: topics.max_bytes };
  return {
    fallback,
    direct: { messages: topics.direct_history, ageMs: topics.direct_age_secs * 1_000, bytes: topics.max_bytes },
    rules: [
      ...ephemeral.map((pattern) => ({ ...fallback, pattern, messages: 0 })),
      ...topics.rules.map((rule) => ({
        pattern: rule.pattern,
        messages: rule.history ?? fallback.messages,
        ageMs: rule.age_secs === undefined ? fallback.ageMs : rule.age_secs * 1_000,
        bytes: rule.max_bytes ?? fallback.bytes,
      })),
    ],
  };
}
