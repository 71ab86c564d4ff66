/** Messages of a customer and an artist over REST. */
import type { AppRoute, Zod } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import { iso, present, sentMessage, type FacadeMessage } from '../facade-message.ts';
import type { FacadePorts } from '../facade-ports.ts';
import { messagesOf } from '../messages/page.ts';
import { send } from '../messages/send.ts';
import { conversationIn, countOf, messageIn, nothing, operationRoute } from '../operation-route.ts';
import { knownPositions, markRead, type MemberPosition } from '../positions/positions.ts';
import { many, message, one, refusedAs, success } from './answers.ts';
import { bodyOf, marketplaceMessage } from './message.ts';

const PATH = '/messaging/conversations/:id/messages';
const LIMIT = { usual: 50, most: 100 };

export function messageRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  return [
    operationRoute(
      host,
      {
        method: 'GET',
        path: PATH,
        summary: 'Messages, the newest first.',
        query: (z) => z.object({ limit: countOf(z, 1), offset: countOf(z) }),
        answers: (z) => ({ 200: many(z, message(z)) }),
      },
      async (actor, request) => {
        const { limit: asked, offset = 0 } = request.query;
        const limit = Math.min(asked ?? LIMIT.usual, LIMIT.most);
        const conversation = conversationIn(request);
        const page = await messagesOf(ports, actor, { conversation, limit, offset });
        if (host.isRefusal(page)) return page;
        const positions = await knownPositions(ports, actor, conversation);
        const now = iso(host.clock.now());
        const data = page.messages.map((it) => marketplaceMessage(it, isRead(it, positions) ? now : null));
        return success(data.toReversed(), { limit, offset, total: page.total, hasMore: page.hasMore });
      },
    ),
    operationRoute(
      host,
      {
        method: 'POST',
        path: PATH,
        summary: 'Sends a message; the same clientId again is told its first place, with 200.',
        body: sending,
        answers: (z) => ({ 200: one(z, message(z)), 201: one(z, message(z)) }),
      },
      async (actor, request) => {
        const { clientId, ...given } = request.body;
        const input = {
          conversation: conversationIn(request),
          clientId,
          body: bodyOf(present(given)),
          withLabel: true,
        };
        const sent = await send(ports, actor, input);
        if (host.isRefusal(sent)) return refusedAs(sent);
        return success(marketplaceMessage(sentMessage(actor, sent)), undefined, sent.duplicate ? 200 : 201);
      },
    ),
    operationRoute(
      host,
      {
        method: 'PUT',
        path: '/messaging/messages/:id/read',
        summary: 'Marks what is there up to a message as read, for oneself.',
        body: nothing,
        answers: (z) => ({ 200: one(z, z.looseObject({ conversationId: z.string(), unreadCount: z.int() })) }),
      },
      async (actor, request) => {
        const { conversation, sequence: to } = messageIn(request);
        const read = await markRead(ports, actor, { conversation, to });
        if (host.isRefusal(read)) return read;
        return success({ conversationId: read.conversation, unreadCount: read.unread });
      },
    ),
  ];
}

/** By the other side. */
function isRead({ from, sequence }: FacadeMessage, positions: readonly MemberPosition[] | null): boolean {
  const others = positions?.filter(({ user }) => user !== from) ?? [];
  return others.length > 0 && others.every(({ readTo }) => readTo >= sequence);
}

/** The operation looks at the words of the message, and names the field. */
function sending(z: Zod) {
  return z.object({
    messageType: z.json().optional().meta({ description: 'text or image' }),
    content: z.json().optional().meta({ description: 'a text; tags are taken out of it' }),
    images: z.json().optional().meta({ description: 'URLs of own uploads' }),
    bookingId: z.union([z.string(), z.int(), z.null()]).optional(),
    clientId: z.string().optional(),
  });
}
