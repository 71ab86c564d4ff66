/**
 * A client that publishes to a small topic that it follows itself is sent two messages, the answer and the publication. The
 * socket library gathers what is sent to a socket while a message of that socket is handled, so both leave in one write when
 * the publication is not left for the end of the turn: a write costs more than all else of a publish. Only the first
 * message of a turn: what comes behind it in the same read leaves together at the end of the turn.
 */
import type { Topic } from '../protocol/topic.ts';
import { LIVE } from '../router/subscription.ts';
import type { Connection } from './connection.ts';
import { writeToOnly } from './outbox.ts';
import { findSubscription } from './subscriptions.ts';

/** Counting a publication into mailboxes before the end of the turn costs each subscriber's share once more. */
const MAX_SUBSCRIPTIONS = 8;

/** To be called behind the answer. */
export function serveOwnPublication(connection: Connection, name: Topic): void {
  const { context, subscriptions, transport } = connection;
  const { flusher } = context;
  if (subscriptions.length === 0 || flusher.corked !== connection) return;
  // It has other things to write first, or nothing can be written.
  if (connection.firstWaiting !== null || connection.control !== null || connection.isBlocked || transport === null)
    return;
  const subscription = findSubscription(connection, name);
  if (subscription === undefined || subscription.state !== LIVE || subscription.holds > 0) return;
  const { topic } = subscription;
  if (!topic.isDirty || topic.subscriptions.length > MAX_SUBSCRIPTIONS || flusher.isCoalescing) return;
  if (topic.subscriptions.length > 1 || !writeToOnly(connection, subscription)) flusher.writeCorked(connection, topic);
}
