/**
 * Messages that were published for a client before the server takes something from it, a right or the connection, go out
 * first, as far as its socket takes them: a message that was accepted while it was the client's is the client's. Subscriptions that read
 * the log, or wait for an answer, are left as they are.
 */
import type { CloseReason } from '../protocol/close-codes.ts';
import type { Connection } from './connection.ts';

/** Writes what is published until now. Not from the middle of a message of the connection, whose answer would come later. */
export function serveOut(connection: Connection): void {
  if (!connection.isOpen) return;
  const { flusher, router } = connection.context;
  for (const { topic } of connection.subscriptions) if (topic.isDirty) router.routeNow(topic);
  flusher.serveOut(connection);
}

/** Closes a connection that has done nothing wrong in this turn. */
export function closeServed(connection: Connection, reason: CloseReason, text: string): void {
  serveOut(connection);
  connection.close(reason, text);
}
