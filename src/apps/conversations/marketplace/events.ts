/** The namespace `/` of Socket.IO with the events of a marketplace's messaging (guide 000): a table over the frames of the application. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { ClientEvent, EventAnswer, EventTable, PublishedEvent, ServerEvent } from '../../app.ts';
import { answeredMessage, errorOf, idIn, recordOf, textIn } from '../event-arguments.ts';
import { MARKETPLACE_NAMES } from '../field-names.ts';
import { messageOf, present } from '../facade-message.ts';
import { placeOf } from '../message-id.ts';
import { messageIdOf } from '../messages/payload.ts';
import type { LiveEvent } from '../positions/live.ts';
import { conversationOf, liveTopicOf, TOPIC_PREFIX, topicOf } from '../topic.ts';
import { bodyOf, marketplaceMessage, withoutTags } from './message.ts';

/** The server's own events stay: the namespace has clients of other applications too. */
export const MARKETPLACE_EVENTS: EventTable = {
  namespace: '/',
  withServerEvents: true,
  events: {
    'join:conversation': membership('Subscribe', 'conversation:joined'),
    'leave:conversation': membership('Unsubscribe', 'conversation:left'),
    'message:send': {
      type: 'X-ConversationSend',
      data: ([given], own) => {
        // The client gives no id that would be the same at a second attempt: own() is new each time, and hides nothing else.
        const clientId = own(textIn(given, 'clientId'));
        return { ...bodyOf(given), conversation: idIn(given), clientId, withMessage: true, withLabel: true };
      },
      answered: (answer) => {
        if (!answer.ok) return failed(answer);
        const message = marketplaceMessage(answeredMessage(answer));
        return { event: 'message:delivered', args: [{ messageId: answer['id'] ?? null, message }] };
      },
    },
    'message:read': {
      type: 'X-ConversationRead',
      data: ([given]) => {
        const place = placeOf(textIn(given, 'messageId') ?? '');
        return present({ conversation: place?.conversation ?? idIn(given), to: place?.sequence });
      },
      answered: failed,
    },
    'typing:start': typing(true),
    'typing:stop': typing(false),
  },
  published: (publication) => {
    const { type, topic, payload, from } = publication;
    if (type === 'DirectMessage') {
      const { conversation, event } = recordOf(payload);
      // Direct messages of others are nothing of this application.
      return conversation === undefined || event === undefined
        ? undefined
        : { event: 'notification', args: [{ from, ...recordOf(payload) }] };
    }
    if (!topic.startsWith(TOPIC_PREFIX)) return undefined;
    if (topic === topicOf(conversationOf(topic))) return told(publication);
    return live(conversationOf(topic), payload as unknown as LiveEvent);
  },
};

function failed(answer: EventAnswer): ServerEvent | null {
  return answer.ok ? null : { event: 'error', args: [errorOf(answer, MARKETPLACE_NAMES)] };
}

function membership(type: 'Subscribe' | 'Unsubscribe', event: string): ClientEvent {
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

function typing(isTyping: boolean): ClientEvent {
  return {
    type: 'X-ConversationTyping',
    data: ([given]) => ({ conversation: idIn(given), isTyping }),
    answered: failed,
  };
}

function told(publication: PublishedEvent): ServerEvent {
  const { topic, from, payload, client_id: clientId } = publication;
  const conversationId = conversationOf(topic);
  const message = messageOf(publication);
  if (message !== null)
    return {
      event: 'message:new',
      args: [marketplaceMessage(message)],
      ...(clientId !== undefined && { except: { clientId } }),
    };
  const { event, of, content: said, ...rest } = recordOf(payload);
  const messageId = typeof of === 'number' ? messageIdOf(conversationId, of) : undefined;
  const content = typeof said === 'string' ? withoutTags(said) : said;
  const named = EVENTS[typeof event === 'string' ? event : ''] ?? 'conversation:updated';
  return { event: named, args: [present({ conversationId, messageId, userId: from, ...rest, content })] };
}

const EVENTS: Readonly<Record<string, string>> = {
  edited: 'message:edited',
  deleted: 'message:deleted',
  reaction: 'message:reaction',
  members: 'conversation:members',
};

function live(conversationId: string, event: LiveEvent): ServerEvent | null {
  const { user: userId } = event;
  const except = { user: userId };
  switch (event.event) {
    case 'typing':
      return { event: 'user:typing', args: [{ conversationId, userId, isTyping: event.isTyping }], except };
    case 'read': {
      const messageId = messageIdOf(conversationId, event.to);
      return { event: 'message:read', args: [{ conversationId, messageId, readBy: userId }], except };
    }
    case 'delivered':
      // The guide has no name for it, and `message:delivered` is what a sender is told.
      return null;
    default:
      return {
        event: event.event === 'user_online' ? 'user:online' : 'user:offline',
        args: [{ conversationId, userId }],
        except,
      };
  }
}
