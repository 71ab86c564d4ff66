/** Positions, lists and typing as frames of raw clients. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Parts } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import type { FrameAnswer } from '../../frame.ts';
import type { Zod } from '../../vocabulary.ts';
import { conversationId } from '../conversation-id.ts';
import { listConversations, unreadTotal } from './list.ts';
import { markDelivered, markRead, memberPositions } from './positions.ts';
import type { PositionPorts } from './ports.ts';
import { setTyping } from './typing.ts';

const placeOf = (z: Zod) => z.strictObject({ conversation: conversationId(z), to: z.int().min(0).optional() });

export function positionFrames(host: Pick<Host, 'frame'>, ports: PositionPorts): NonNullable<Parts['frames']> {
  return {
    'X-ConversationList': host.frame({
      writes: false,
      schema: (z) =>
        z.strictObject({
          limit: z.int().min(1).optional(),
          after: z.string().max(600).optional(),
          archived: z.boolean().optional(),
        }),
      handle: async (data, { principal }) => answerOf(await listConversations(ports, principal, data)),
    }),
    'X-ConversationUnread': host.frame({
      writes: false,
      // Some clients send `{}` where there is nothing to say.
      schema: (z) => z.strictObject({}).optional(),
      handle: async (_, { principal }) => answerOf(await unreadTotal(ports, principal)),
    }),
    'X-ConversationRead': host.frame({
      schema: placeOf,
      handle: async (data, { principal }) => answerOf(await markRead(ports, principal, data)),
    }),
    'X-ConversationDelivered': host.frame({
      schema: placeOf,
      handle: async (data, { principal }) => answerOf(await markDelivered(ports, principal, data)),
    }),
    'X-ConversationPositions': host.frame({
      writes: false,
      schema: (z) => z.strictObject({ conversation: conversationId(z), after: z.string().max(600).optional() }),
      handle: async (data, { principal }) => answerOf(await memberPositions(ports, principal, data)),
    }),
    'X-ConversationTyping': host.frame({
      // Nothing is stored.
      writes: false,
      schema: (z) => z.strictObject({ conversation: conversationId(z), isTyping: z.boolean() }),
      handle: async (data, { principal }) => answerOf(await setTyping(ports, principal, data)),
    }),
  };
}

/** Views are JSON: their interfaces say no more than that. */
function answerOf(answer: object): FrameAnswer {
  return answer as Readonly<Record<string, JsonValue>>;
}
