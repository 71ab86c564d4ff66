/** The topic of a conversation: its messages, in one numbering with the table. */

export const TOPICS = 'conversation.*';
const PREFIX = 'conversation.';

export function topicOf(conversation: string): string {
  return `${PREFIX}${conversation}`;
}

export function conversationOf(topic: string): string {
  return topic.slice(PREFIX.length);
}
