/** Rights that somebody has changed: whose, on what. A part that it leaves out means all. */
import { looksLikePattern, overlaps, presentIn } from '../protocol/topic.ts';

export interface RightsChange {
  readonly tenant: string;
  readonly user?: string | undefined;
  /** A topic or a pattern, as clients of the tenant name it. */
  readonly topic?: string | undefined;
}

/** What an index by the segments of names can find; a change that begins with a wildcard is one of everything of the tenant. */
export function namedTopic({ topic }: RightsChange): string | undefined {
  return topic?.startsWith('*') === true ? undefined : topic;
}

/** Whether it may be a change of a user's rights. */
export function isOf(
  change: RightsChange,
  { tenant, user }: { readonly tenant: string; readonly user: string },
): boolean {
  return tenant === change.tenant && (change.user === undefined || user === change.user);
}

/** Whether what was decided for a user on a topic or pattern may be decided otherwise now. */
export function affects(
  change: RightsChange,
  about: { readonly tenant: string; readonly user: string; readonly name: string },
): boolean {
  // The right to see who is present in a topic is a right to that topic.
  const name = presentIn(about.name) ?? about.name;
  return isOf(change, about) && (change.topic === undefined || concerns(change.topic, name));
}

/** Whether a topic or pattern has topics in common with another. */
function concerns(topic: string, name: string): boolean {
  if (topic === name) return true;
  return (looksLikePattern(topic) || looksLikePattern(name)) && overlaps(topic, name);
}
