import type { AckFrame } from '../../protocol/frames.ts';
import type { Position } from '../../protocol/position.ts';
import type { Topic } from '../../protocol/topic.ts';
import type { Connection } from '../connection.ts';
import { findSubscription, isMatchedName } from '../subscriptions.ts';
import { sessionChanged } from '../sessions.ts';
import { nodeName } from '../../service/names.ts';

/** `Ack` remembers, for the session, how far the client has come. Topics that it is not subscribed to are ignored. */
export function acknowledge(connection: Connection, frame: AckFrame): void {
  let isChanged = false;
  for (const [name, position] of frame.positions) {
    const topic = nodeName(connection.principal, name);
    if (findSubscription(connection, topic) === undefined && !hasResting(connection, topic)) continue;
    remember(connection, name, position);
    isChanged = true;
  }
  if (isChanged) sessionChanged(connection);
}

/** Whether a pattern of the connection has the topic, which rests and so has no subscription. */
function hasResting(connection: Connection, topic: Topic): boolean {
  return connection.context.router.rests(topic) && isMatchedName(connection, topic);
}

/** As many as it may be subscribed to: beyond, the one that was acknowledged longest ago is forgotten. */
function remember(connection: Connection, name: string, position: Position): void {
  const { maxSubscriptions, maxMatchedTopics } = connection.context.limits;
  const acknowledged = (connection.acknowledged ??= new Map<string, Position>());
  acknowledged.delete(name);
  acknowledged.set(name, position);
  if (acknowledged.size > maxSubscriptions + maxMatchedTopics)
    acknowledged.delete(acknowledged.keys().next().value as string);
}
