/** What is counted of conversations, as metrics of this node. */
import type { Host } from '../host-api.ts';
import type { Counts } from './ports.ts';

export function countsOf({ counter }: Pick<Host, 'counter'>): Counts {
  const messages = counter('messages_total', 'Messages that were stored, by type; repetitions are not.', 'type');
  const conversations = counter('conversations_total', 'Conversations that were made, by kind.', 'kind');
  return { message: (type) => messages.add(1, type), conversation: (kind) => conversations.add(1, kind) };
}
