/** Where the queues of applications are kept, as the configuration says. */
import type { Config } from '../../config/schema.ts';

export function queueKind({ queue: { kind, url }, redis }: Config): 'memory' | 'redis' | 'rabbitmq' {
  if (kind !== 'auto') return kind;
  if (url !== undefined) return 'rabbitmq';
  return redis.url === undefined ? 'memory' : 'redis';
}
