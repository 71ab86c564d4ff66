/** Puts what a webhook brought into a queue, and says in time whether the queue has all of it. */
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
  { host, settings, troubles, underway }: Pick<Ports, 'host' | 'settings' | 'troubles' | 'underway'>,
  queue: Queue,
  messages: readonly NewMessage[],
): Promise<boolean> {
  const putOne = async (message: NewMessage): Promise<void> => {
    underway.began(queue.name, message, webhookStages(message.headers ?? {}, host.clock.now()));
    await queue.put(message);
    underway.put(message.id ?? '', ['queued', host.clock.now(), host.node]);
  };
  const { promise: late, resolve } = Promise.withResolvers<'late'>();
  const timer = host.scheduler.after(settings.answer_ms, () => resolve('late'));
  try {
    const put = Promise.all(messages.map((message) => putOne(message))).then(() => 'put' as const);
    // Nobody waits for it once it is late.
    put.catch(() => {});
    if ((await Promise.race([put, late])) === 'put') return true;
    troubles.note('queue_away', '');
    return false;
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    host.log.warn('A queue did not take a webhook', { queue: queue.name, because, tenant: messages[0]?.tenant ?? '' });
    troubles.note('queue_away', '');
    return false;
  } finally {
    timer.cancel();
  }
}
