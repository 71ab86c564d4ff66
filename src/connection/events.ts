/** The news of a connection for those that want to know (service/connection-events.ts). */
import type { ConnectionFacts } from '../service/connection-events.ts';
import { tellEvents } from '../service/tell-events.ts';
import type { Connection } from './connection.ts';

function factsOf({ id, principal, address, format }: Connection): ConnectionFacts {
  return { id, principal, address, format };
}

export function tellConnected(connection: Connection): void {
  tellEvents(connection.context, (events) => events.connected(factsOf(connection)));
}

export function tellSubscribed(connection: Connection, names: Iterable<string>): void {
  const { context } = connection;
  if (context.events === null) return;
  for (const name of names) tellEvents(context, (events) => events.subscribed(factsOf(connection), name));
}

export function tellUnsubscribed(connection: Connection, names: Iterable<string>): void {
  const { context } = connection;
  if (context.events === null) return;
  for (const name of names) tellEvents(context, (events) => events.unsubscribed(factsOf(connection), name));
}

export function tellDisconnected(connection: Connection, code: number): void {
  tellEvents(connection.context, (events) => events.disconnected(factsOf(connection), code));
}
