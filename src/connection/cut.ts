/** A client that was cut off by the socket library, for what it sent: nobody but the log can tell its owner why. */
import { TokenBucket } from '../limits/token-bucket.ts';
import type { Connection } from './connection.ts';
import type { ConnectionContext } from './context.ts';

/** Clients choose how often they are cut off: lines of the log about it are not theirs to choose. */
const LOG_RATE = { perSecond: 1, burst: 20 };
const lines = new WeakMap<ConnectionContext, TokenBucket>();

/** @param reason in the words of the library */
export function logCut({ context, id, principal }: Connection, code: number, reason: string): void {
  const bucket = lines.get(context) ?? new TokenBucket(LOG_RATE);
  lines.set(context, bucket);
  if (!bucket.take(1, context.clock.elapsed())) return;
  context.log.warn('Client cut off for what it sent, without a close frame', {
    connection_id: id,
    user: principal.user,
    ...(principal.tenant !== '' && { tenant: principal.tenant }),
    code,
    reason,
    max_message_size: context.limits.maxMessageSize,
  });
}
