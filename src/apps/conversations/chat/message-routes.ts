/** Messages over REST. */
import type { AppRoute, Zod } from '../../app.ts';
import type { RouteResponse } from '../../app-route.ts';
import type { Host } from '../../host-api.ts';
import type { Refusal } from '../../../protocol/errors.ts';
import { present, sentMessage } from '../facade-message.ts';
import type { FacadePorts } from '../facade-ports.ts';
import { CHAT_NAMES, renamed } from '../field-names.ts';
import { placeOf, type MessagePlace } from '../message-id.ts';
import { edit } from '../messages/edit.ts';
import { messagesOf, type PageInput } from '../messages/page.ts';
import { refuseField } from '../messages/ports.ts';
import { remove } from '../messages/remove.ts';
import { search } from '../messages/search.ts';
import { send } from '../messages/send.ts';
import { conversationIn, countOf, messageIn, nothing, operationRoute, textOf } from '../operation-route.ts';
import type { Actor } from '../ports.ts';
import { knownPositions, markRead } from '../positions/positions.ts';
import { bodyOf, chatMessage, type ChatMessage } from './message.ts';
import { reactionRoutes } from './reaction-routes.ts';
import { statusAmong } from './status.ts';

const PATH = '/conversations/:id/messages';

export function messageRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  return [...pageRoutes(host, ports), ...changeRoutes(host, ports), ...reactionRoutes(host, ports)];
}

function pageRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  return [
    operationRoute(
      host,
      {
        method: 'GET',
        path: PATH,
        summary: 'A page of messages, ascending: the newest, or those before or after a message.',
        query: (z) => z.object({ limit: countOf(z, 1), before: textOf(z).optional(), after: textOf(z).optional() }),
        answers: (z) => ({
          200: z.object({ messages: z.array(message(z)), hasMore: z.boolean(), totalCount: z.int() }),
        }),
      },
      async (actor, request) => {
        const conversation = conversationIn(request);
        const { limit, before, after } = request.query;
        const places = { before: placeIn(conversation, before), after: placeIn(conversation, after) };
        for (const field of ['before', 'after'] as const)
          if (places[field] === null)
            return refuseField(ports, { field, problem: 'expected the id of a message of this conversation' });
        const { before: to, after: from } = places;
        const page = await pageOf(ports, actor, {
          conversation,
          limit,
          before: to?.sequence,
          after: from?.sequence,
          withoutDeleted: true,
        });
        return host.isRefusal(page) ? page : { body: page };
      },
    ),
    operationRoute(
      host,
      {
        method: 'GET',
        path: '/conversations/search',
        summary: 'Messages of the own conversations that hold a text.',
        query: (z) =>
          z.object({
            q: textOf(z),
            conversationId: textOf(z, 100).optional(),
            limit: countOf(z, 1),
            from: textOf(z, 200).optional(),
          }),
        answers: (z) => ({ 200: z.object({ messages: z.array(message(z)), next: z.string().nullable() }) }),
      },
      async (actor, { query: { q, conversationId, limit, from } }) => {
        const found = await search(ports, actor, { text: q, conversation: conversationId, limit, from });
        if (host.isRefusal(found)) return renamed(found, CHAT_NAMES);
        return { body: { messages: found.messages.map((it) => chatMessage(it)), next: found.next } };
      },
    ),
  ];
}

function changeRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  const one = (z: Zod) => ({ 200: z.object({ message: message(z) }), 201: z.object({ message: message(z) }) });
  return [
    operationRoute(
      host,
      {
        method: 'POST',
        path: PATH,
        summary: 'Sends a message; the same optimisticId again is told its first place, with 200.',
        body: sending,
        answers: one,
      },
      async (actor, request) => {
        const conversation = conversationIn(request);
        const { optimisticId: clientId, ...given } = request.body;
        const sent = await send(ports, actor, { conversation, clientId, body: bodyOf(conversation, present(given)) });
        if (host.isRefusal(sent)) return renamed(sent, CHAT_NAMES);
        return { status: sent.duplicate ? 200 : 201, body: { message: chatMessage(sentMessage(actor, sent)) } };
      },
    ),
    operationRoute(
      host,
      {
        method: 'PUT',
        path: `${PATH}/:messageId`,
        summary: 'Says something else in an own message.',
        body: (z) => z.object({ content: z.string() }),
        answers: (z) => ({ 200: z.object({ message: message(z) }) }),
      },
      async (actor, request) => {
        const place = messageIn(request);
        const edited = await edit(ports, actor, { ...place, content: request.body.content });
        return host.isRefusal(edited) ? edited : oneAt(ports, actor, place);
      },
    ),
    operationRoute(
      host,
      {
        method: 'DELETE',
        path: `${PATH}/:messageId`,
        summary: 'Deletes a message: its place stays, and nothing of what it said.',
        answers: (z) => ({ 200: z.object({ success: z.literal(true), messageId: z.string() }) }),
      },
      async (actor, request) => {
        const removed = await remove(ports, actor, messageIn(request));
        return host.isRefusal(removed) ? removed : { body: { success: true, messageId: removed.id } };
      },
    ),
    operationRoute(
      host,
      {
        method: 'PUT',
        path: `${PATH}/:messageId/read`,
        summary: 'Marks what is there up to a message as read.',
        body: nothing,
        answers: (z) => ({ 200: z.object({ success: z.literal(true), unreadCount: z.int() }) }),
      },
      async (actor, request) => {
        const { conversation, sequence: to } = messageIn(request);
        const read = await markRead(ports, actor, { conversation, to });
        return host.isRefusal(read) ? read : { body: { success: true, unreadCount: read.unread } };
      },
    ),
  ];
}

interface ChatPage {
  readonly messages: readonly ChatMessage[];
  readonly hasMore: boolean;
  readonly totalCount: number;
}

async function pageOf(ports: FacadePorts, actor: Actor, input: PageInput): Promise<ChatPage | Refusal> {
  const page = await messagesOf(ports, actor, input);
  if (ports.host.isRefusal(page)) return page;
  const { messages, hasMore, total } = page;
  const positions = messages.length === 0 ? null : await knownPositions(ports, actor, input.conversation);
  const shown = messages.map((it) => chatMessage(it, statusAmong(it, positions)));
  return { messages: shown, hasMore, totalCount: total ?? 0 };
}

async function oneAt(
  ports: FacadePorts,
  actor: Actor,
  { conversation, sequence }: MessagePlace,
): Promise<RouteResponse | Refusal> {
  const page = await pageOf(ports, actor, { conversation, after: sequence - 1, before: sequence + 1, limit: 1 });
  return ports.host.isRefusal(page) ? page : { body: { message: page.messages[0] } };
}

/** `null` for what is no message of this conversation. */
function placeIn(conversation: string, id: string | undefined): MessagePlace | null | undefined {
  if (id === undefined) return undefined;
  const place = placeOf(id);
  return place?.conversation === conversation ? place : null;
}

/** The operation looks at the words of the message, and names the field. */
function sending(z: Zod) {
  return z.object({
    content: z.json().optional().meta({ type: 'string' }),
    type: z.json().optional().meta({ description: 'TEXT, IMAGE, FILE, AUDIO, VIDEO or EMOJI' }),
    attachments: z.json().optional().meta({ description: `URLs of own uploads, or objects with a url` }),
    parentMessageId: z.string().nullable().optional(),
    metadata: z.record(z.string(), z.json()).optional(),
    mentions: z.json().optional().meta({ description: 'ids of members' }),
    optimisticId: z.string().optional(),
  });
}

function message(z: Zod) {
  return z.looseObject({
    id: z.string(),
    conversationId: z.string(),
    senderId: z.string(),
    type: z.enum(['TEXT', 'IMAGE', 'FILE', 'AUDIO', 'VIDEO', 'SYSTEM', 'EMOJI']),
    content: z.string(),
    status: z.enum(['SENT', 'DELIVERED', 'READ', 'DELETED']),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  });
}
