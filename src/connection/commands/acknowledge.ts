import type { AckFrame } from '../../protocol/frames.ts';
import type { Connection } from '../connection.ts';
import { findSubscription } from '../subscriptions.ts';
import { sessionChanged } from '../sessions.ts';
import { nodeName } from './names.ts';

/** `Ack` remembers, for the session, how far the client has come. Topics that it is not subscribed to are ignored. */
export function acknowledge(connection: Connection, frame: AckFrame): void {
  for (const [name, position] of frame.positions) {
    if (findSubscription(connection, nodeName(connection.principal, name)) === undefined) continue;
    connection.acknowledged ??= new Map();
    connection.acknowledged.set(name, position);
    sessionChanged(connection);
  }
}
