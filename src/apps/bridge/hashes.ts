/** What stands for customers and ids of both sides where it is shown or logged: numbers never are. */
import { createHash } from 'node:crypto';
import { joinParts } from '../../protocol/parts.ts';

/** How messages of one customer are kept in order: a hash, because keys of queues are shown and logged. */
export function customerKey(tenant: string, number: string): string {
  return hashOf('customer', tenant, number).slice(0, 32);
}

/** In hex. */
export function hashOf(...parts: readonly string[]): string {
  return createHash('sha256')
    .update(joinParts(...parts))
    .digest('hex');
}
