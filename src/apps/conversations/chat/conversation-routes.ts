/** Conversations over REST: the own ones, one of them, and a new one. */
import type { AppRoute, Zod } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import type { Refusal } from '../../../protocol/errors.ts';
import type { FacadePorts } from '../facade-ports.ts';
import { CHAT_NAMES, renamed } from '../field-names.ts';
import { createGroup, getConversation, openPrivate, openSpace, type Opened } from '../members/members.ts';
import { conversationIn, countOf, operationRoute, textOf } from '../operation-route.ts';
import { isService, type Actor } from '../ports.ts';
import { countConversations, listConversations } from '../positions/list.ts';
import { listedConversation, shownConversation } from './conversation.ts';

export function conversationRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  return [
    operationRoute(
      host,
      {
        method: 'GET',
        path: '/conversations',
        summary: 'The own conversations, those with the newest messages first.',
        query: (z) =>
          z.object({ limit: countOf(z, 1), offset: countOf(z), archived: z.enum(['true', 'false']).optional() }),
        answers: (z) => ({ 200: z.object({ conversations: z.array(conversation(z)), total: z.int() }) }),
      },
      async (actor, { query: { limit, offset, archived } }) => {
        const asked = { limit, offset, archived: archived === 'true' };
        const [page, total] = await Promise.all([
          listConversations(ports, actor, asked),
          countConversations(ports, actor, asked),
        ]);
        if (host.isRefusal(page)) return page;
        return { body: { conversations: page.conversations.map(listedConversation), total } };
      },
    ),
    operationRoute(
      host,
      {
        method: 'POST',
        path: '/conversations',
        summary: 'Begins a conversation; of a pair and of a space the one that there is, with 200.',
        body: (z) =>
          z.object({
            type: z.enum(['PRIVATE', 'GROUP', 'SPACE']),
            participantIds: z.array(textOf(z)).max(ports.settings.max_members).default([]),
            name: textOf(z, 10_000).optional(),
            description: textOf(z, 10_000).optional(),
            spaceId: textOf(z).optional(),
            metadata: z.record(z.string(), z.json()).optional(),
          }),
        answers: (z) => ({
          200: z.object({ conversation: conversation(z) }),
          201: z.object({ conversation: conversation(z) }),
        }),
      },
      async (actor, { body }) => {
        const opened = await open(ports, actor, body);
        if (host.isRefusal(opened)) return renamed(opened, { ...CHAT_NAMES, user: 'participantIds' });
        const shown = await getConversation(ports, actor, { conversation: opened.conversation.id });
        const found = shownConversation(host.isRefusal(shown) ? opened : shown);
        return { status: opened.isNew ? 201 : 200, body: { conversation: found } };
      },
    ),
    operationRoute(
      host,
      {
        method: 'GET',
        path: '/conversations/:id',
        summary: 'A conversation with its members.',
        answers: (z) => ({ 200: z.object({ conversation: conversation(z) }) }),
      },
      async (actor, request) => {
        const shown = await getConversation(ports, actor, { conversation: conversationIn(request) });
        return host.isRefusal(shown) ? shown : { body: { conversation: shownConversation(shown) } };
      },
    ),
  ];
}

interface Wanted {
  readonly type: 'PRIVATE' | 'GROUP' | 'SPACE';
  readonly participantIds: readonly string[];
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly spaceId?: string | undefined;
  readonly metadata?: Parameters<typeof openPrivate>[2]['metadata'];
}

async function open(ports: FacadePorts, actor: Actor, wanted: Wanted): Promise<Opened | Refusal> {
  const { type, participantIds, spaceId, ...rest } = wanted;
  if (type === 'GROUP') return createGroup(ports, actor, { ...rest, members: participantIds });
  if (type === 'SPACE')
    return spaceId === undefined
      ? ports.host.refuse('invalid_field', 'spaceId: expected the space of the conversation', {
          details: { field: 'spaceId' },
        })
      : openSpace(ports, actor, { ...rest, space: spaceId, members: participantIds });
  const users = [...new Set(participantIds)];
  const others = isService(actor) ? users.slice(1) : users.filter((user) => user !== actor.user);
  // A pair with oneself is refused by the operation.
  const [other = users[0], ...more] = others;
  if (other === undefined || more.length > 0)
    return ports.host.refuse('invalid_field', 'participantIds: expected one other user for a private conversation', {
      details: { field: 'participantIds' },
    });
  return openPrivate(ports, actor, { with: other, user: users[0], metadata: wanted.metadata });
}

function conversation(z: Zod) {
  return z.looseObject({
    id: z.string(),
    type: z.enum(['PRIVATE', 'GROUP', 'SPACE']),
    status: z.enum(['ACTIVE', 'RESOLVED', 'CLOSED']),
    name: z.string().nullable(),
    unreadCount: z.int(),
    lastMessageAt: z.iso.datetime(),
  });
}
