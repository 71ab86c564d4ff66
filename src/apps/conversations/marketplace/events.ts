/** The namespace `/` of Socket.IO with the events of a marketplace's messaging (guide 000): a table over the frames of the application. */
import type { EventTable, ServerEvent } from '../../app.ts';
import { answeredMessage, idIn, textIn } from '../event-arguments.ts';
import { MARKETPLACE_NAMES } from '../field-names.ts';
import { membership, publishedAs, telling, typing } from '../facade-events.ts';
import { present } from '../facade-message.ts';
import { placeOf } from '../message-id.ts';
import { messageIdOf } from '../messages/payload.ts';
import type { LiveEvent } from '../positions/live.ts';
import { bodyOf, marketplaceMessage, withoutTags } from './message.ts';

const failed = telling(MARKETPLACE_NAMES);

/** The server's own events stay: the namespace has clients of other applications too. */
export const MARKETPLACE_EVENTS: EventTable = {
  namespace: '/',
  withServerEvents: true,
  events: {
    'join:conversation': membership('Subscribe', 'conversation:joined'),
    'leave:conversation': membership('Unsubscribe', 'conversation:left'),
    'message:send': {
      type: 'X-ConversationSend',
      data: ([given], own) => ({
        ...bodyOf(given),
        conversation: idIn(given),
        clientId: own(textIn(given, 'clientId')),
        withMessage: true,
        withLabel: true,
      }),
      answered: (answer) => {
        if (!answer.ok) return failed(answer, []);
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
    'typing:start': typing(true, failed),
    'typing:stop': typing(false, failed),
  },
  published: publishedAs({
    message: (message) => ({ event: 'message:new', args: [marketplaceMessage(message)] }),
    changes: {
      edited: 'message:edited',
      deleted: 'message:deleted',
      reaction: 'message:reaction',
      members: 'conversation:members',
    },
    change: 'conversation:updated',
    content: withoutTags,
    live,
  }),
};

function live(conversationId: string, event: LiveEvent): ServerEvent | null {
  const { user: userId } = event;
  const except = { user: userId };
  switch (event.event) {
    case 'typing':
      return {
        event: 'user:typing',
        args: [present({ conversationId, userId, userName: event.name, isTyping: event.isTyping })],
        except,
      };
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
