/** What administrators and backends ask over HTTP: what they read is written down, and who may not is refused and written down, too. */
import type { AppRoute, RouteDefinition, Zod } from '../../app.ts';
import type { RouteRequest, RouteResponse } from '../../app-route.ts';
import type { Host } from '../../host-api.ts';
import type { Refusal } from '../../../protocol/errors.ts';
import type { Actor, Ports } from '../ports.ts';
import { adminAudit, adminEvents, adminExport, adminGet, adminList } from './admin.ts';
import { refreshSpace } from './membership.ts';
import { deleteUser, exportUser } from './people.ts';
import { postSystem } from './state.ts';

const PREFIX = '/apps/conversations';
const LINES = { 'content-type': 'application/x-ndjson' };

type Request<Body, Query> = RouteRequest<'user', Body, Query>;
type Definition<Body, Query> = Omit<RouteDefinition<'user', Body, Query>, 'access' | 'handle' | 'crossOrigin'>;

export function memberRoutes(host: Host, ports: Ports): AppRoute[] {
  /** Any token: the operation itself refuses those who may not, as it writes that down. */
  const route = <Body, Query>(
    definition: Definition<Body, Query>,
    operation: (actor: Actor, request: Request<Body, Query>) => Promise<object | Refusal>,
    answer: (body: object) => RouteResponse = (body) => ({ body }),
  ): AppRoute =>
    host.route<'user', Body, Query>({
      ...definition,
      access: 'user',
      crossOrigin: false,
      handle: async (request) => {
        const result = await operation(actorOf(request), request);
        return host.isRefusal(result) ? result : answer(result);
      },
    });
  const page = (z: Zod) => z.strictObject({ after: text(z), limit: number(z), user: text(z) });
  const places = (z: Zod) => z.strictObject({ after: number(z), limit: number(z) });
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
        query: (z) => z.strictObject({ after: text(z) }),
      },
      (actor, { parameters: { id = '' }, query: { after } }) => adminGet(ports, actor, { conversation: id, after }),
    ),
    route(
      {
        method: 'GET',
        path: `${PREFIX}/conversations/:id/events`,
        summary: 'What was said and done in a conversation, ascending',
        query: places,
      },
      (actor, { parameters: { id = '' }, query }) => adminEvents(ports, actor, { conversation: id, ...query }),
    ),
    route(
      { method: 'GET', path: `${PREFIX}/conversations/:id/export`, summary: 'The same, as lines of JSON' },
      (actor, { parameters: { id = '' } }) => adminExport(ports, actor, { conversation: id }),
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
      (actor, { parameters: { id = '' }, body }) => postSystem(ports, actor, { conversation: id, ...body }),
      (body) => ({ status: 201, body }),
    ),
    route(
      {
        method: 'PUT',
        path: `${PREFIX}/conversations/:id/members`,
        summary: 'Says who takes part in the conversation of a space',
        body: (z) => z.strictObject({ users: z.array(z.string().min(1).max(256)).max(ports.settings.max_members) }),
      },
      (actor, { parameters: { id = '' }, body: { users } }) => refreshSpace(ports, actor, { conversation: id, users }),
    ),
    route(
      {
        method: 'GET',
        path: `${PREFIX}/audit`,
        summary: 'Looks and acts of users that are no members, the newest first',
        query: (z) => z.strictObject({ before: number(z), limit: number(z) }),
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

function actorOf({ principal, address, header }: Request<unknown, unknown>): Actor {
  const { tenant, user, roles } = principal;
  const agent = header('user-agent');
  return { tenant, user, roles, address, ...(agent !== undefined && { agent }) };
}

function asLines(items: object): RouteResponse {
  return { headers: LINES, body: linesOf(items as AsyncIterable<object>) };
}

async function* linesOf(items: AsyncIterable<object>): AsyncGenerator<string> {
  for await (const item of items) yield `${JSON.stringify(item)}\n`;
}

function text(z: Zod) {
  return z.string().min(1).max(256).optional();
}

function number(z: Zod) {
  return z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional();
}
