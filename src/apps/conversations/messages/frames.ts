/** Frames on messages. */
import type { z } from 'zod';
import type { Parts } from '../../app.ts';
import type { FrameAnswer } from '../../frame.ts';
import type { Host } from '../../host-api.ts';
import type { Zod } from '../../vocabulary.ts';
import { conversationId } from '../conversation-id.ts';
import type { Actor } from '../ports.ts';
import { knownPositions } from '../positions/positions.ts';
import { edit } from './edit.ts';
import { messagesOf } from './page.ts';
import { messageIdOf } from './payload.ts';
import type { MessagePorts } from './ports.ts';
import { react } from './react.ts';
import { remove } from './remove.ts';
import { search } from './search.ts';
import { send } from './send.ts';

export function messageFrames(host: Host, ports: MessagePorts): NonNullable<Parts['frames']> {
  const frame = <Schema extends z.ZodType>(
    schema: (z: Zod) => Schema,
    operation: (actor: Actor, data: z.output<Schema>) => Promise<object>,
    writes = true,
  ) =>
    host.frame<z.output<Schema>>({
      schema: schema as (z: Zod) => z.ZodType<z.output<Schema>>,
      writes,
      // Answers are made of what JSON has.
      handle: (data, { principal }) => operation(principal, data) as Promise<FrameAnswer>,
    });
  return {
    // The operation looks at the fields of the message, and names the one that is wrong.
    'X-ConversationSend': frame(
      (z) =>
        z.looseObject({
          conversation: conversationId(z),
          clientId: z.string().optional(),
          // The answer holds what was stored: the same message again may have said something else.
          withMessage: z.boolean().optional(),
          withLabel: z.boolean().optional(),
        }),
      async (actor, { conversation, clientId, withMessage = false, withLabel = false, ...body }) => {
        const sent = await send(ports, actor, { conversation, clientId, body, withLabel });
        if (host.isRefusal(sent)) return sent;
        const { epoch, sequence, n, timestamp, duplicate } = sent;
        const answer = {
          id: messageIdOf(conversation, sequence),
          conversation,
          epoch,
          sequence,
          n,
          timestamp,
          duplicate,
        };
        return withMessage ? { ...answer, from: actor.user, message: sent.payload } : answer;
      },
    ),
    'X-ConversationEdit': frame(
      (z) => z.strictObject({ conversation: conversationId(z), sequence: place(z), content: z.string() }),
      (actor, data) => edit(ports, actor, data),
    ),
    'X-ConversationDelete': frame(
      (z) => z.strictObject({ conversation: conversationId(z), sequence: place(z) }),
      (actor, data) => remove(ports, actor, data),
    ),
    'X-ConversationReact': frame(
      (z) =>
        z.strictObject({
          conversation: conversationId(z),
          sequence: place(z),
          emoji: z.string(),
          isRemoved: z.boolean().optional(),
        }),
      (actor, data) => react(ports, actor, data),
    ),
    'X-ConversationMessages': frame(
      // The positions of members, for who shows what has become of each message.
      (z) => pageSchema(z).extend({ withPositions: z.boolean().optional() }),
      async (actor, { withPositions = false, ...data }) => {
        const page = await messagesOf(ports, actor, data);
        if (host.isRefusal(page) || !withPositions) return page;
        return { ...page, positions: await knownPositions(ports, actor, data.conversation) };
      },
      false,
    ),
    'X-ConversationThread': frame(
      (z) => pageSchema(z).extend({ thread: place(z) }),
      (actor, data) => messagesOf(ports, actor, data),
      false,
    ),
    'X-ConversationSearch': frame(
      (z) =>
        z.strictObject({
          text: z.string(),
          conversation: conversationId(z).optional(),
          from: z.string().optional(),
          limit: z.int().optional(),
        }),
      (actor, data) => search(ports, actor, data),
      false,
    ),
  };
}

function place(z: Zod) {
  return z.int().min(1);
}

function pageSchema(z: Zod) {
  return z.strictObject({
    conversation: conversationId(z),
    after: z.int().min(0).optional(),
    before: place(z).optional(),
    limit: place(z).optional(),
    withoutDeleted: z.boolean().optional(),
  });
}
