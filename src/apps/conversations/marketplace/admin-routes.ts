/** What administrators of a marketplace see, and how a dispute ends. Each call is written down, also one that is refused. */
import type { AppRoute } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import { messageOf } from '../facade-message.ts';
import type { FacadePorts } from '../facade-ports.ts';
import { adminEvents, adminExport, adminGet, adminList, resolveDispute, type StoredEvent } from '../members/members.ts';
import { conversationIn, countOf, operationRoute, textOf } from '../operation-route.ts';
import { topicOf } from '../topic.ts';
import { conversation, many, message, one, success } from './answers.ts';
import { marketplaceConversation } from './conversation.ts';
import { marketplaceMessage, withoutTags, type MarketplaceMessage } from './message.ts';
import { sidesOf } from './sides.ts';

const PATH = '/messaging/admin/conversations';

export function adminRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  return [...viewRoutes(host, ports), ...textRoutes(host, ports)];
}

function viewRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  return [
    operationRoute(
      host,
      {
        method: 'GET',
        path: PATH,
        summary: 'Conversations of all users, or of one of them.',
        query: (z) => z.object({ user: textOf(z).optional(), after: textOf(z).optional(), limit: countOf(z, 1) }),
        answers: (z) => ({ 200: many(z, conversation(z)) }),
      },
      async (actor, { query }) => {
        const page = await adminList(ports, actor, query);
        if (host.isRefusal(page)) return page;
        const ids = page.conversations.map(({ id }) => id);
        const sides = await sidesOf(ports.database, actor.tenant, ids);
        const data = page.conversations.map((view) => marketplaceConversation(view, sides.get(view.id)));
        return success(data, { next: page.next, hasMore: page.next !== null });
      },
    ),
    operationRoute(
      host,
      {
        method: 'GET',
        path: `${PATH}/:id`,
        summary: 'A conversation of others, with its members.',
        answers: (z) => ({ 200: one(z, conversation(z)) }),
      },
      async (actor, request) => {
        const id = conversationIn(request);
        const found = await adminGet(ports, actor, { conversation: id });
        if (host.isRefusal(found)) return found;
        const sides = await sidesOf(ports.database, actor.tenant, [id]);
        const { conversation: view, members } = found;
        return success({ ...marketplaceConversation(view, sides.get(id)), members });
      },
    ),
  ];
}

function textRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  return [
    operationRoute(
      host,
      {
        method: 'GET',
        path: `${PATH}/:id/messages`,
        summary: 'Messages of others, ascending; pagination.next is after of the next page.',
        query: (z) => z.object({ after: countOf(z), limit: countOf(z, 1) }),
        answers: (z) => ({ 200: many(z, message(z)) }),
      },
      async (actor, request) => {
        const id = conversationIn(request);
        const page = await adminEvents(ports, actor, { conversation: id, ...request.query });
        if (host.isRefusal(page)) return page;
        const data = page.events.map((event) => storedMessage(id, event)).filter((it) => it !== null);
        return success(data, { next: page.next, hasMore: page.next !== null });
      },
    ),
    operationRoute(
      host,
      { method: 'GET', path: `${PATH}/:id/export`, summary: 'All messages of others, as lines of JSON.' },
      async (actor, request) => {
        const id = conversationIn(request);
        const events = await adminExport(ports, actor, { conversation: id });
        if (host.isRefusal(events)) return events;
        return { headers: { 'content-type': 'application/x-ndjson' }, body: linesOf(id, events) };
      },
    ),
    operationRoute(
      host,
      {
        method: 'POST',
        path: `${PATH}/:id/dispute`,
        summary: 'Ends a dispute: a system message, and the status resolved.',
        body: (z) => z.object({ content: textOf(z, ports.settings.max_system_content) }),
        answers: (z) => ({
          201: one(z, z.looseObject({ conversationId: z.string(), messageId: z.string(), status: z.string() })),
        }),
      },
      async (actor, request) => {
        const id = conversationIn(request);
        const content = withoutTags(request.body.content);
        const posted = await resolveDispute(ports, actor, { conversation: id, content });
        if (host.isRefusal(posted)) return posted;
        return success({ conversationId: id, messageId: posted.message, status: 'resolved' }, undefined, 201);
      },
    ),
  ];
}

/** `null` for an event that is no message. */
function storedMessage(id: string, { sequence, from, payload, sentAt }: StoredEvent): MarketplaceMessage | null {
  const timestamp = Date.parse(sentAt);
  const topic = topicOf(id);
  const found = messageOf({ type: 'Broadcast', topic, sequence, from, timestamp, payload, replayed: false });
  return found === null ? null : marketplaceMessage(found);
}

async function* linesOf(id: string, events: AsyncIterable<StoredEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    const found = storedMessage(id, event);
    if (found !== null) yield `${JSON.stringify(found)}\n`;
  }
}
