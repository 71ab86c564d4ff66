/** Conversations of a customer and an artist over REST. */
import type { AppRoute } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import type { Refusal } from '../../../protocol/errors.ts';
import type { FacadePorts } from '../facade-ports.ts';
import { archive, getConversation, openPrivate, type Opened } from '../members/members.ts';
import type { ConversationView } from '../members/view.ts';
import { conversationIn, countOf, nothing, operationRoute, textOf } from '../operation-route.ts';
import type { Actor } from '../ports.ts';
import { countConversations, listConversations, unreadTotal } from '../positions/list.ts';
import { markRead } from '../positions/positions.ts';
import { badField, conversation, many, one, refusedAs, success } from './answers.ts';
import { marketplaceConversation, type MarketplaceConversation } from './conversation.ts';
import { sidesOf } from './sides.ts';

const PATH = '/messaging/conversations';
const LIMIT = { usual: 20, most: 50 };

export function conversationRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  return [...ownRoutes(host, ports), ...placeRoutes(host, ports)];
}

function ownRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  return [
    operationRoute(
      host,
      {
        method: 'GET',
        path: PATH,
        summary: 'The own conversations, those with the newest messages first.',
        query: (z) =>
          z.object({ limit: countOf(z, 1), offset: countOf(z), archived: z.enum(['true', 'false']).optional() }),
        answers: (z) => ({ 200: many(z, conversation(z)) }),
      },
      async (actor, { query: { limit: asked, offset = 0, archived } }) => {
        const limit = Math.min(asked ?? LIMIT.usual, LIMIT.most, ports.settings.max_list);
        const input = { limit, offset, archived: archived === 'true' };
        const [page, total] = await Promise.all([
          listConversations(ports, actor, input),
          countConversations(ports, actor, input),
        ]);
        if (host.isRefusal(page)) return page;
        const ids = page.conversations.map(({ id }) => id);
        const sides = await sidesOf(ports.database, actor.tenant, ids);
        const data = page.conversations.map((it) => marketplaceConversation(it, sides.get(it.id), actor.user));
        return success(data, { limit, offset, total, hasMore: page.next !== null });
      },
    ),
    operationRoute(
      host,
      {
        method: 'POST',
        path: PATH,
        summary: 'The conversation of a customer with an artist, which begins where there is none.',
        body: (z) =>
          z.object({
            artistId: textOf(z).optional(),
            customerId: textOf(z).optional(),
            bookingId: z.union([textOf(z), z.int(), z.null()]).optional(),
          }),
        answers: (z) => ({ 201: one(z, conversation(z)) }),
      },
      async (actor, { body }) => {
        const opened = await open(ports, actor, body);
        if (host.isRefusal(opened)) return refusedAs(opened);
        return success(await shown(ports, actor, opened.conversation), undefined, 201);
      },
    ),
    operationRoute(
      host,
      {
        method: 'GET',
        path: '/messaging/unread-count',
        summary: 'Unread messages of all own conversations together.',
        answers: (z) => ({ 200: one(z, z.looseObject({ unreadCount: z.int(), conversations: z.int() })) }),
      },
      async (actor) => {
        const { unread: unreadCount, conversations } = await unreadTotal(ports, actor);
        return success({ unreadCount, conversations });
      },
    ),
  ];
}

function placeRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  return [
    operationRoute(
      host,
      {
        method: 'GET',
        path: `${PATH}/:id`,
        summary: 'A conversation.',
        answers: (z) => ({ 200: one(z, conversation(z)) }),
      },
      async (actor, request) => {
        const found = await getConversation(ports, actor, { conversation: conversationIn(request) });
        return host.isRefusal(found) ? found : success(await shown(ports, actor, found.conversation));
      },
    ),
    operationRoute(
      host,
      {
        method: 'PUT',
        path: `${PATH}/:id/read`,
        summary: 'Marks everything in a conversation as read, for oneself.',
        body: nothing,
        answers: (z) => ({ 200: one(z, z.looseObject({ conversationId: z.string(), unreadCount: z.int() })) }),
      },
      async (actor, request) => {
        const read = await markRead(ports, actor, { conversation: conversationIn(request) });
        if (host.isRefusal(read)) return read;
        return success({ conversationId: read.conversation, unreadCount: read.unread });
      },
    ),
    operationRoute(
      host,
      {
        method: 'POST',
        path: `${PATH}/:id/archive`,
        summary: 'Puts a conversation away, for oneself, until there is a newer message.',
        body: nothing,
        answers: (z) => ({ 200: one(z, conversation(z)) }),
      },
      async (actor, request) => {
        const id = conversationIn(request);
        const done = await archive(ports, actor, { conversation: id });
        if (host.isRefusal(done)) return done;
        const found = await getConversation(ports, actor, { conversation: id });
        return host.isRefusal(found) ? found : success(await shown(ports, actor, found.conversation));
      },
    ),
  ];
}

interface Wanted {
  readonly artistId?: string | undefined;
  readonly customerId?: string | undefined;
  readonly bookingId?: string | number | null | undefined;
}

/** A customer names an artist, and an artist a customer. A backend names both. */
async function open(ports: FacadePorts, actor: Actor, wanted: Wanted): Promise<Opened | Refusal> {
  const { artistId, customerId, bookingId } = wanted;
  const metadata = bookingId === undefined || bookingId === null ? undefined : { bookingId };
  if (artistId !== undefined)
    return openPrivate(ports, actor, {
      user: customerId,
      with: artistId,
      label: 'customer',
      withLabel: 'artist',
      metadata,
    });
  return customerId === undefined
    ? badField(ports, 'artistId', 'expected the artist, or customerId from an artist')
    : openPrivate(ports, actor, { with: customerId, label: 'artist', withLabel: 'customer', metadata });
}

async function shown(ports: FacadePorts, actor: Actor, view: ConversationView): Promise<MarketplaceConversation> {
  const sides = await sidesOf(ports.database, actor.tenant, [view.id]);
  return marketplaceConversation(view, sides.get(view.id), actor.user);
}
