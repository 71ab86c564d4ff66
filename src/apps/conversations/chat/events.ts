/** The namespace `/messaging` of Socket.IO, with the events of a complete chat (guide 003): a table over the frames of the application. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { ClientEvent, EventTable, ServerEvent } from '../../app.ts';
import { CHAT_NAMES } from '../field-names.ts';
import { membership, publishedAs, telling, typing } from '../facade-events.ts';
import { present } from '../facade-message.ts';
import { placeOf } from '../message-id.ts';
import { messageIdOf } from '../messages/payload.ts';
import type { LiveEvent } from '../positions/live.ts';
import { answeredMessage, errorOf, idIn, pageOf, recordOf, textIn } from '../event-arguments.ts';
import { bodyOf, chatMessage } from './message.ts';
import { statusAmong } from './status.ts';

const failed = telling(CHAT_NAMES);

export const CHAT_EVENTS: EventTable = {
  namespace: '/messaging',
  events: {
    join_conversation: membership('Subscribe', 'conversation_joined'),
    leave_conversation: membership('Unsubscribe', 'conversation_left'),
    send_message: {
      type: 'X-ConversationSend',
      data: ([given], own) => {
        const conversation = idIn(given);
        const body = bodyOf(conversation, recordOf(given));
        return { ...body, conversation, clientId: own(textIn(given, 'optimisticId')), withMessage: true };
      },
      answered: (answer, [given]) => {
        const optimisticId = textIn(given, 'optimisticId') ?? null;
        if (!answer.ok)
          return { event: 'message_error', args: [{ optimisticId, success: false, ...errorOf(answer, CHAT_NAMES) }] };
        const message = chatMessage(answeredMessage(answer));
        return { event: 'message_sent', args: [{ optimisticId, message, success: true }] };
      },
    },
    typing: typing(true, failed),
    stop_typing: typing(false, failed),
    mark_as_read: {
      type: 'X-ConversationRead',
      data: ([given]) => {
        const messageId = textIn(given, 'messageId');
        const to = messageId === undefined ? undefined : placeOf(messageId)?.sequence;
        return present({ conversation: idIn(given), to });
      },
      answered: failed,
    },
    get_messages: {
      type: 'X-ConversationMessages',
      data: ([given]) => ({ ...pageOf(given), withoutDeleted: true, withPositions: true }),
      answered: (answer, [given]) => {
        if (!answer.ok) return failed(answer, []);
        const messages = answer['messages'] as unknown as Parameters<typeof chatMessage>[0][];
        const positions = answer['positions'] as unknown as Parameters<typeof statusAmong>[1];
        const shown = messages.map((message) => chatMessage(message, statusAmong(message, positions)));
        const { hasMore = false, total: totalCount = null } = answer;
        return {
          event: 'messages_loaded',
          args: [{ conversationId: idIn(given), messages: shown, hasMore, totalCount }],
        };
      },
    },
    edit_message: {
      type: 'X-ConversationEdit',
      data: ([given]) => ({ ...placed(given), content: recordOf(given)['content'] ?? null }),
      answered: failed,
    },
    delete_message: { type: 'X-ConversationDelete', data: ([given]) => placed(given), answered: failed },
    add_reaction: reaction(false),
    remove_reaction: reaction(true),
    // As clients of later versions of the same product have them.
    typing_start: typing(true, failed),
    typing_stop: typing(false, failed),
    mark_messages_read: {
      type: 'X-ConversationRead',
      data: ([given]) => ({ conversation: idIn(given) }),
      answered: failed,
    },
  },
  connecting: ({ userId }, { user }) =>
    userId === undefined || userId === user ? null : 'User does not match the token',
  welcome: ({ principal, socket, tookMs }) => ({
    event: 'connection_success',
    args: [{ userId: principal.user, socketId: socket, connectionTime: Math.round(tookMs) }],
  }),
  published: publishedAs({
    message: (message, conversationId) => ({
      event: 'new_message',
      args: [{ message: chatMessage(message), conversationId }],
    }),
    changes: {
      edited: 'message_edited',
      deleted: 'message_deleted',
      reaction: 'message_reaction',
      members: 'members_changed',
    },
    change: 'conversation_updated',
    live,
  }),
};

function reaction(isRemoved: boolean): ClientEvent {
  return {
    type: 'X-ConversationReact',
    data: ([given]) => ({ ...placed(given), emoji: recordOf(given)['emoji'] ?? null, isRemoved }),
    answered: failed,
  };
}

/** A message by its id. An id that is none is that of no message of no conversation. */
function placed(given: JsonValue | undefined): { readonly conversation: string; readonly sequence: number } {
  return placeOf(textIn(given, 'messageId') ?? '') ?? { conversation: 'none', sequence: 1 };
}

function live(conversationId: string, event: LiveEvent): ServerEvent {
  const { user } = event;
  const except = { user };
  const who = { conversationId, userId: user };
  switch (event.event) {
    case 'typing':
      return {
        event: event.isTyping ? 'typing' : 'stop_typing',
        args: [present({ ...who, userName: event.name, isTyping: event.isTyping })],
        except,
      };
    case 'read':
      return { event: 'message_read', args: [{ ...who, messageId: messageIdOf(conversationId, event.to) }], except };
    case 'delivered':
      return {
        event: 'message_delivered',
        args: [{ ...who, messageId: messageIdOf(conversationId, event.to) }],
        except,
      };
    default:
      return { event: event.event, args: [who], except };
  }
}
