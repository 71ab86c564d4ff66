/** Which topics an operator can ask to have traced, and how: as the node names them, tenant and all. Pure. */
import { refusal, quote, type Refusal } from './errors.ts';
import { directTopic, isDirectTopic, isSupportedPattern, isTenant, isTopicName, tenantOf, wireName } from './topic.ts';

/** Patterns traced at the same time: every topic that is opened is held against each of them. */
export const MAX_TRACED = 100;

const DIRECT = /^(?:([A-Za-z0-9_:-]{1,64})\/)?@user:(.{1,256})$/s;

/**
 * `chat.lobby`, `chat.**`, `tenant/chat.**`, or `@user:alice` for the direct messages to alice.
 * @returns the pattern as the node matches it, or why there is none
 */
export function tracePattern(text: string): string | Refusal {
  const direct = DIRECT.exec(text);
  if (direct !== null) return directTopic(direct[1] ?? '', direct[2] ?? '');
  if (isDirectTopic(text)) return text;
  const name = wireName(text);
  // An empty tenant has no slash: `/chat` is nothing.
  if (!text.startsWith('/') && isTenant(tenantOf(text)) && (isTopicName(name) || isSupportedPattern(name))) return text;
  return refusal(
    'invalid_topic',
    `expected a topic, a pattern with a literal first segment, or @user:<user id>, with tenant/ before it where there are tenants, got ${quote(text)}`,
  );
}
