/** What an admitted client is subscribed to without asking: by its token, and by applications. */
import type { Principal } from '../auth/principal.ts';
import type { SubscribeFrame } from '../protocol/frames.ts';
import type { Welcome } from '../service/connection-events.ts';

export function givenTopics({ subscribe: claimed = [] }: Principal, { subscribe }: Welcome): readonly string[] {
  return claimed.length === 0 ? subscribe : [...new Set([...claimed, ...subscribe])];
}

export function subscribing(topics: readonly string[]): SubscribeFrame | null {
  if (topics.length === 0) return null;
  const entries = topics.map((topic) => ({ topic }));
  return { type: 'Subscribe', id: undefined, trace: undefined, topics: entries, ordered: 'given' };
}
