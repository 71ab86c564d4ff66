/** What members see of one another and nobody keeps: `conversation.<id>.live`. */
import type { Actor, Ports } from '../ports.ts';
import { liveTopicOf } from '../topic.ts';

export type LiveEvent =
  | { readonly event: 'read'; readonly user: string; readonly to: number }
  | { readonly event: 'delivered'; readonly user: string; readonly to: number }
  | { readonly event: 'typing'; readonly user: string; readonly isTyping: true; readonly until: number }
  | { readonly event: 'typing'; readonly user: string; readonly isTyping: false }
  | { readonly event: 'user_online' | 'user_offline'; readonly user: string };

/** A client that misses it reads the position in the next list: that it could not be told refuses nothing. */
export async function tellLive(
  { host }: Pick<Ports, 'host'>,
  { tenant, user }: Pick<Actor, 'tenant' | 'user'>,
  conversation: string,
  payload: LiveEvent,
): Promise<void> {
  const answer = await host.publish(liveTopicOf(conversation), { tenant, from: user, payload });
  if (host.isRefusal(answer)) host.log.debug('Members were not told', { conversation, because: answer.reason });
}
