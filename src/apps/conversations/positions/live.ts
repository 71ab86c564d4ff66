/** What members see of one another and nobody keeps: `conversation.<id>.live`. */
import type { Actor, Ports } from '../ports.ts';
import { liveTopicOf } from '../topic.ts';

export type LiveEvent =
  | { readonly event: 'read'; readonly user: string; readonly to: number }
  | { readonly event: 'delivered'; readonly user: string; readonly to: number }
  | {
      readonly event: 'typing';
      readonly user: string;
      readonly name?: string;
      readonly isTyping: true;
      readonly until: number;
    }
  | { readonly event: 'typing'; readonly user: string; readonly name?: string; readonly isTyping: false }
  | { readonly event: 'user_online' | 'user_offline'; readonly user: string };

/**
 * A client that misses it reads the position in the next list: that it could not be told refuses nothing.
 * @param key what is told twice under one key is told once
 */
export async function tellLive(
  { host }: { readonly host: Pick<Ports['host'], 'publish' | 'isRefusal' | 'log'> },
  { tenant, user }: Pick<Actor, 'tenant' | 'user'>,
  conversation: string,
  payload: LiveEvent,
  key?: string,
): Promise<void> {
  const answer = await host.publish(liveTopicOf(conversation), {
    tenant,
    from: user,
    payload,
    ...(key !== undefined && { idempotencyKey: key }),
  });
  if (host.isRefusal(answer)) host.log.debug('Members were not told', { conversation, because: answer.reason });
}
