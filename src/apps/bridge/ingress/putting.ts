/** Puts what a webhook brought into a queue, and says whether the queue has all of it. */
import type { NewMessage, Queue } from '../../../queue/queue.ts';
import type { Ports } from '../ports.ts';
import { webhookStages } from './envelopes.ts';

/** Messages of one webhook; Meta sends at most 1,000 updates in one. */
export const MAX_MESSAGES = 2_000;

/**
 * @returns `false` when the queue does not have all of it for certain: the sender has to come again, and what was put twice is
 * handled once
 */
export async function putAll(
  { host, troubles, underway }: Pick<Ports, 'host' | 'troubles' | 'underway'>,
  queue: Queue,
  messages: readonly NewMessage[],
): Promise<boolean> {
  const putOne = async (message: NewMessage): Promise<void> => {
    underway.began(queue.name, message, webhookStages(message.headers ?? {}, host.clock.now()));
    await queue.put(message);
    underway.put(message.id ?? '', ['queued', host.clock.now(), host.node]);
  };
  try {
    await Promise.all(messages.map(putOne));
    return true;
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    host.log.warn('A queue did not take a webhook', { queue: queue.name, because, tenant: messages[0]?.tenant ?? '' });
    troubles.note('queue_away', '');
    return false;
  }
}
