/** Dead letters at RabbitMQ, whose queues cannot be looked into: they are fetched, and given back when the channel closes. */
import type { Channel, GetMessage } from 'amqplib';
import type { DeadText } from './queue-store.ts';
import { HEADERS, headerOf } from './rabbitmq-names.ts';

/** Bytes that are fetched at most: what lies behind them is not seen. */
const MAX_BYTES = 64 * 1_048_576;

/**
 * Fetches one after the other, the oldest first.
 * @param each says whether to go on
 */
export async function fetchDead(
  channel: Channel,
  queue: string,
  each: (message: GetMessage) => boolean | Promise<boolean>,
): Promise<void> {
  let bytes = 0;
  while (bytes < MAX_BYTES) {
    const message = await channel.get(queue);
    if (message === false || !(await each(message))) return;
    bytes += message.content.byteLength;
  }
}

export function deadTextOf({ content, properties: { headers } }: GetMessage): DeadText {
  const [death] = (headerOf(headers, 'x-death') ?? []) as readonly {
    readonly reason?: string;
    readonly count?: number;
  }[];
  const reason = headerOf(headers, HEADERS.reason);
  return {
    text: content.toString(),
    reason: typeof reason === 'string' ? reason : `put aside by RabbitMQ: ${death?.reason ?? 'it does not say why'}`,
    attempt: Number(headerOf(headers, HEADERS.attempts) ?? death?.count ?? 0),
    at: Number(headerOf(headers, HEADERS.at) ?? 0),
  };
}
