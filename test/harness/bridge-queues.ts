/** Where the queues of the bridge are: in memory, in a Redis, and at a RabbitMQ of the test's own. */
import { makeRabbitmq, RABBITMQ } from './rabbitmq-server.ts';
import { startRedis } from './redis-server.ts';

/** That are on this machine. */
export const BRIDGE_QUEUES = ['memory', 'redis', ...(RABBITMQ === null ? [] : (['rabbitmq'] as const))] as const;

export interface BridgeQueues {
  readonly settings: Readonly<Record<string, string>>;
  readonly end: () => void;
}

export async function openBridgeQueues(kind: (typeof BRIDGE_QUEUES)[number]): Promise<BridgeQueues> {
  if (kind === 'memory') return { settings: {}, end: () => {} };
  if (kind === 'redis') {
    const redis = await startRedis();
    return { settings: { 'redis.url': redis.url }, end: () => redis.end() };
  }
  const rabbitmq = await makeRabbitmq();
  await rabbitmq.start();
  return { settings: { 'queue.url': rabbitmq.url }, end: () => rabbitmq.end() };
}
