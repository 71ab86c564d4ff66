/**
 * What waits in mailboxes, counted three times: for the subscription, for its connection, and for the node. Only the two
 * functions here write these sums (test/owners.test.ts), so that they cannot come to differ.
 */
import type { Subscription } from '../router/subscription.ts';
import type { Backlog } from './backlog.ts';

/** A connection's own mailbox, as far as it is counted. */
interface Mailbox {
  queuedCount: number;
  queuedBytes: number;
  readonly context: { readonly backlog: Backlog };
}

/** More publications wait for a live subscription. */
export function countIn(mailbox: Mailbox, subscription: Subscription, count: number, bytes: number): void {
  mailbox.queuedCount += count;
  mailbox.queuedBytes += bytes;
  mailbox.context.backlog.bytes += bytes;
  subscription.queuedBytes += bytes;
}

/** Publications wait no longer: they are written, have given way, or nobody wants them any more. */
export function countOut(mailbox: Mailbox, subscription: Subscription, count: number, bytes: number): void {
  mailbox.queuedCount -= count;
  mailbox.queuedBytes -= bytes;
  mailbox.context.backlog.bytes -= bytes;
  subscription.queuedBytes -= bytes;
}
