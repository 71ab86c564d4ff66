/** What the event tables of both guides have in common: who follows and types, what is refused, and what a publication is told as. */
import type { JsonValue } from '../../protocol/frames.ts';
import type { ClientEvent, EventTable, PublishedEvent, ServerEvent } from '../app.ts';
import { errorOf, idIn, recordOf } from './event-arguments.ts';
import { messageOf, present, type FacadeMessage } from './facade-message.ts';
import { messageIdOf } from './messages/payload.ts';
import type { LiveEvent } from './positions/live.ts';
import { conversationOf, liveTopicOf, TOPIC_PREFIX, topicOf } from './topic.ts';

/** What a guide calls it. */
export interface FacadeEvents {
  readonly message: (message: FacadeMessage, conversationId: string) => ServerEvent;
  /** By the `event` of a publication that is no message. */
  readonly changes: Readonly<Record<string, string>>;
  /** Every other change. */
  readonly change: string;
  /** Of an edited message, where clients of the guide do not show every text. */
  readonly content?: (text: string) => string;
  /** `null`: the guide has no name for it. */
  readonly live: (conversationId: string, event: LiveEvent) => ServerEvent | null;
}

/** Tells a refusal; a good answer is told by nothing but the acknowledgement. @param names of fields */
export function telling(names: Readonly<Record<string, string>>): NonNullable<ClientEvent['answered']> {
  return (answer) => (answer.ok ? null : { event: 'error', args: [errorOf(answer, names)] });
}

/** @param event told when the client follows the conversation, or has left it */
export function membership(type: 'Subscribe' | 'Unsubscribe', event: string): ClientEvent {
  return {
    type,
    data: ([given]) => ({ topics: [topicOf(idIn(given)), liveTopicOf(idIn(given))] }),
    answered: (answer, [given]) => {
      const rejected = (answer['rejected'] ?? []) as readonly JsonValue[];
      const conversationId = idIn(given);
      const message = 'Access denied to this conversation';
      return answer.ok && rejected.length === 0
        ? { event, args: [{ conversationId }] }
        : { event: 'error', args: [{ conversationId, message, error: message, code: 'not_found' }] };
    },
  };
}

export function typing(isTyping: boolean, answered: NonNullable<ClientEvent['answered']>): ClientEvent {
  return {
    type: 'X-ConversationTyping',
    data: ([given]) => ({ conversation: idIn(given), isTyping }),
    answered,
  };
}

/** Topics and direct messages of others are nothing of this application: clients hear them under the server's own names. */
export function publishedAs(events: FacadeEvents): NonNullable<EventTable['published']> {
  return (publication) => {
    const { type, topic, payload, from } = publication;
    if (type === 'DirectMessage') {
      const { conversation, event } = recordOf(payload);
      return conversation === undefined || event === undefined
        ? undefined
        : { event: 'notification', args: [{ from, ...recordOf(payload) }] };
    }
    if (!topic.startsWith(TOPIC_PREFIX)) return undefined;
    const conversationId = conversationOf(topic);
    return topic === topicOf(conversationId)
      ? told(events, conversationId, publication)
      : events.live(conversationId, payload as unknown as LiveEvent);
  };
}

function told(events: FacadeEvents, conversationId: string, publication: PublishedEvent): ServerEvent {
  const { from, payload, client_id: clientId } = publication;
  const message = messageOf(publication);
  if (message !== null)
    return {
      ...events.message(message, conversationId),
      // Its sender has it in the answer.
      ...(clientId !== undefined && { except: { clientId } }),
    };
  const { event, of, content, ...rest } = recordOf(payload);
  const messageId = typeof of === 'number' ? messageIdOf(conversationId, of) : undefined;
  const said = typeof content === 'string' ? (events.content?.(content) ?? content) : content;
  const named = events.changes[typeof event === 'string' ? event : ''] ?? events.change;
  return { event: named, args: [present({ conversationId, messageId, userId: from, ...rest, content: said })] };
}
