/** The topics of a conversation: its events, in one numbering with the table, and what nobody keeps. */

export const TOPICS = 'conversation.*';
/** Typing, and the positions of members. */
export const LIVE_TOPICS = 'conversation.*.live';
export const TOPIC_PREFIX = 'conversation.';
const LIVE = '.live';

export function topicOf(conversation: string): string {
  return `${TOPIC_PREFIX}${conversation}`;
}

/** Whether it is the sequenced topic of a conversation. */
export function isTopicOf(topic: string): boolean {
  return topic.startsWith(TOPIC_PREFIX) && !topic.endsWith(LIVE);
}

/** Of either topic: ids have no dots. */
export function conversationOf(topic: string): string {
  return topic.slice(TOPIC_PREFIX.length, topic.endsWith(LIVE) ? -LIVE.length : undefined);
}

export function liveTopicOf(conversation: string): string {
  return `${TOPIC_PREFIX}${conversation}${LIVE}`;
}
