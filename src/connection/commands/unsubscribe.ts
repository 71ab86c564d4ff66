import type { UnsubscribeFrame } from '../../protocol/frames.ts';
import { looksLikePattern } from '../../protocol/topic.ts';
import type { Connection } from '../connection.ts';
import { statusFrame } from '../replies.ts';
import { activeSubscriptions, endPatterns, endSubscription, findSubscription, isMatched } from '../subscriptions.ts';
import { sessionChanged } from '../sessions.ts';
import { nodeName } from './names.ts';

/** `Unsubscribe` → `Status unsubscribed`. Names that were not subscribed are answered all the same. */
export function unsubscribe(connection: Connection, frame: UnsubscribeFrame): void {
  for (const name of frame.topics) if (!looksLikePattern(name)) endTopic(connection, name);
  endPatterns(connection, frame.topics);
  sessionChanged(connection);
  connection.reply(
    frame,
    statusFrame('unsubscribed', { topics: frame.topics, active_subscriptions: activeSubscriptions(connection) }),
  );
}

function endTopic(connection: Connection, name: string): void {
  const subscription = findSubscription(connection, nodeName(connection.principal, name));
  if (subscription === undefined) return;
  subscription.isExplicit = false;
  // A pattern that matches the topic goes on delivering it.
  if (!isMatched(connection, subscription)) endSubscription(connection, subscription);
}
