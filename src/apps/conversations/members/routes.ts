/** What administrators and backends ask over HTTP: what they read is written down, and who may not is refused and written down, too. */
import type { AppRoute, Zod } from '../../app.ts';
import type { RouteResponse } from '../../app-route.ts';
import type { Host } from '../../host-api.ts';
import type { Refusal } from '../../../protocol/errors.ts';
import {
  conversationIn,
  countOf,
  operationRoute,
  textOf,
  type Definition,
  type UserRequest,
} from '../operation-route.ts';
import type { Actor, Ports } from '../ports.ts';
import { adminAudit, adminEvents, adminExport, adminGet, adminList } from './admin.ts';
import { refreshSpace } from './membership.ts';
import { deleteUser, exportUser } from './people.ts';
import { postSystem } from './state.ts';

const PREFIX = '/apps/conversations';
const LINES = { 'content-type': 'application/x-ndjson' };

export function memberRoutes(host: Host, ports: Ports): AppRoute[] {
  /** Any token: the operation itself refuses those who may not, as it writes that down. */
  const route = <Body, Query>(
    definition: Definition<Body, Query>,
    operation: (actor: Actor, request: UserRequest<Body, Query>) => Promise<object | Refusal>,
    answer: (body: object) => RouteResponse = (body) => ({ body }),
  ): AppRoute =>
    operationRoute<Body, Query>(host, { ...definition, crossOrigin: false }, async (actor, request) => {
      const result = await operation(actor, request);
      return host.isRefusal(result) ? result : answer(result);
    });
  const page = (z: Zod) =>
    z.strictObject({ after: textOf(z).optional(), limit: countOf(z), user: textOf(z).optional() });
  const places = (z: Zod) => z.strictObject({ after: countOf(z), limit: countOf(z) });
  return [
    route(
      {
        method: 'GET',
        path: `${PREFIX}/conversations`,
        summary: 'Conversations of the tenant, or of a user',
        query: page,
      },
      (actor, { query }) => adminList(ports, actor, query),
    ),
    route(
      {
        method: 'GET',
        path: `${PREFIX}/conversations/:id`,
        summary: 'A conversation and its members',
        query: (z) => z.strictObject({ after: textOf(z).optional() }),
      },
      (actor, request) => adminGet(ports, actor, { conversation: conversationIn(request), after: request.query.after }),
    ),
    route(
      {
        method: 'GET',
        path: `${PREFIX}/conversations/:id/events`,
        summary: 'What was said and done in a conversation, ascending',
        query: places,
      },
      (actor, request) => adminEvents(ports, actor, { conversation: conversationIn(request), ...request.query }),
    ),
    route(
      { method: 'GET', path: `${PREFIX}/conversations/:id/export`, summary: 'The same, as lines of JSON' },
      (actor, request) => adminExport(ports, actor, { conversation: conversationIn(request) }),
      asLines,
    ),
    route(
      {
        method: 'POST',
        path: `${PREFIX}/conversations/:id/system-messages`,
        summary: 'Posts a system message, with a new status or without',
        body: (z) =>
          z.strictObject({
            content: z.string().min(1).max(ports.settings.max_system_content),
            status: z.enum(['active', 'resolved', 'closed']).optional(),
            metadata: z.record(z.string(), z.json()).optional(),
          }),
      },
      (actor, request) => postSystem(ports, actor, { conversation: conversationIn(request), ...request.body }),
      (body) => ({ status: 201, body }),
    ),
    route(
      {
        method: 'PUT',
        path: `${PREFIX}/conversations/:id/members`,
        summary: 'Says who takes part in the conversation of a space',
        body: (z) => z.strictObject({ users: z.array(textOf(z)).max(ports.settings.max_members) }),
      },
      (actor, request) =>
        refreshSpace(ports, actor, { conversation: conversationIn(request), users: request.body.users }),
    ),
    route(
      {
        method: 'GET',
        path: `${PREFIX}/audit`,
        summary: 'Looks and acts of users that are no members, the newest first',
        query: (z) => z.strictObject({ before: countOf(z), limit: countOf(z) }),
      },
      (actor, { query }) => adminAudit(ports, actor, query),
    ),
    route(
      { method: 'GET', path: `${PREFIX}/users/:user/export`, summary: 'What is kept of a user, as lines of JSON' },
      (actor, { parameters: { user = '' } }) => exportUser(ports, actor, { user }),
      asLines,
    ),
    route(
      {
        method: 'DELETE',
        path: `${PREFIX}/users/:user`,
        summary: 'Takes a user out of every conversation; what the user said is blanked later',
        deadlineMs: 60_000,
      },
      async (actor, { parameters: { user = '' } }) => {
        const deleted = await deleteUser(ports, actor, { user });
        if (!host.isRefusal(deleted)) await host.revoke({ tenant: actor.tenant, user });
        return deleted;
      },
    ),
  ];
}

function asLines(items: object): RouteResponse {
  return { headers: LINES, body: linesOf(items as AsyncIterable<object>) };
}

async function* linesOf(items: AsyncIterable<object>): AsyncGenerator<string> {
  for await (const item of items) yield `${JSON.stringify(item)}\n`;
}
