/** Queues at RabbitMQ: what they are called, and with which arguments they are made. */
import type { Options } from 'amqplib';

export interface RabbitBounds {
  /** Of a queue, without those that are handed out and without dead letters. */
  readonly maxMessages: number;
  readonly maxDead: number;
}

/** Times that a message may come back before the broker puts it aside by itself: consumers give it up far earlier. */
const DELIVERY_LIMIT = 1_000_000;

/** Of its dead letters. */
export function deadName(queue: string): string {
  return `${queue}.dead`;
}

/** Replicated where there are several brokers, on the disk before they are confirmed, and counting deliveries. */
export function mainQueue(queue: string, { maxMessages }: RabbitBounds): Options.AssertQueue {
  return {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      'x-max-length': maxMessages,
      'x-overflow': 'reject-publish',
      'x-delivery-limit': DELIVERY_LIMIT,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': deadName(queue),
    },
  };
}

/** Of dead letters the oldest give way. */
export function deadQueue({ maxDead }: RabbitBounds): Options.AssertQueue {
  return {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      'x-max-length': maxDead,
      'x-overflow': 'drop-head',
      'x-delivery-limit': DELIVERY_LIMIT,
    },
  };
}

/** Headers of messages. */
export const HEADERS = {
  /** What is handled in order. */
  key: 'signalbox-key',
  /** Of dead letters. */
  reason: 'signalbox-reason',
  attempts: 'signalbox-attempts',
  at: 'signalbox-at',
} as const;

export function headerOf(headers: object | undefined, name: string): unknown {
  return (headers as Readonly<Record<string, unknown>> | undefined)?.[name];
}
