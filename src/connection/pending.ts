/**
 * Connections with a `Subscribe` or a `GetMissedMessages` under way: a change of rights concerns them also where no
 * subscription says so yet.
 */
import type { Connection } from './connection.ts';

/** To be called when either has begun or ended. */
export function notePending(connection: Connection): void {
  const { pending } = connection.context;
  if (connection.joining !== null || connection.missed !== null) pending.add(connection);
  else pending.delete(connection);
}
