import type { UnsubscribeFrame } from '../../protocol/frames.ts';
import { looksLikePattern } from '../../protocol/topic.ts';
import type { Connection } from '../connection.ts';
import { tellUnsubscribed } from '../events.ts';
import { statusFrame } from '../replies.ts';
import { activeSubscriptions, endPatterns, endTopics } from '../subscriptions.ts';
import { sessionChanged } from '../sessions.ts';

/** `Unsubscribe` → `Status unsubscribed`. Names that were not subscribed are answered all the same. */
export function unsubscribe(connection: Connection, frame: UnsubscribeFrame): void {
  const ended = endTopics(
    connection,
    frame.topics.filter((name) => !looksLikePattern(name)),
  );
  const patterns = endPatterns(connection, frame.topics);
  sessionChanged(connection);
  connection.reply(
    frame,
    statusFrame('unsubscribed', { topics: frame.topics, active_subscriptions: activeSubscriptions(connection) }),
  );
  tellUnsubscribed(connection, ended);
  tellUnsubscribed(connection, patterns);
}
