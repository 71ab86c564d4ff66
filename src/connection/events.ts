/** The news of a connection for those that want to know (service/connection-events.ts). */
import type { ConnectionFacts } from '../service/connection-events.ts';
import type { Connection } from './connection.ts';

export function factsOf({ id, principal, address, format }: Connection): ConnectionFacts {
  return { id, principal, address, format };
}

export function tellSubscribed(connection: Connection, names: Iterable<string>): void {
  const { events } = connection.context;
  if (events === null) return;
  for (const name of names) events.subscribed(factsOf(connection), name);
}

export function tellUnsubscribed(connection: Connection, names: Iterable<string>): void {
  const { events } = connection.context;
  if (events === null) return;
  for (const name of names) events.unsubscribed(factsOf(connection), name);
}
