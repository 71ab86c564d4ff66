/** Where the queues of applications are kept, as the configuration says. */
import type { Config } from '../../config/schema.ts';

export function queueKind({ queue: { kind }, redis }: Config): 'memory' | 'redis' {
  if (kind !== 'auto') return kind;
  return redis.url === undefined ? 'memory' : 'redis';
}
