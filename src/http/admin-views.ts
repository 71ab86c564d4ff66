/** The admin endpoints that only look. */
import { z } from 'zod';
import type { ControlBus } from '../control/command.ts';
import type { NodeViews } from '../control/views.ts';
import type { StagesOfApps } from '../node/app-stages.ts';
import { inForce } from '../node/in-force.ts';
import { inspectConnection, listConnections, listTopics, SORTS, type Sort } from '../node/inspection.ts';
import { listPresence } from '../node/present-topics.ts';
import type { Node } from '../node/node.ts';
import type { Operations } from '../node/operations.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import type { HttpResponse } from '../node/route.ts';
import { refusal } from '../protocol/errors.ts';
import { expectedMessageId, messagePlace } from '../protocol/position.ts';
import { MAX_PAGE } from './page-size.ts';
import { traceAnswer } from './trace.ts';
import type { AdminRequest, AdminRoute } from './admin-access.ts';

const PAGING = {
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(100),
};
export const CONNECTIONS_QUERY = z.strictObject({
  ...PAGING,
  sort: z.enum(Object.keys(SORTS) as [Sort, ...Sort[]]).default('mailbox'),
  user: z.string().optional(),
  search: z.string().max(256).default('').describe('part of a user, of an id or of an address'),
});
export const TOPICS_QUERY = z.strictObject({ ...PAGING, prefix: z.string().default('') });

/**
 * @param views how other nodes are asked; `null` where the node is alone
 * @param stagesOf what applications have kept of a message
 */
export function adminViewRoutes(
  node: Node,
  bus: ControlBus,
  views: NodeViews | null,
  operations: Operations,
  stagesOf: StagesOfApps,
): AdminRoute[] {
  return [
    { method: 'GET', path: '/admin/nodes', handle: () => nodes(bus, views) },
    {
      method: 'GET',
      path: '/admin/connections',
      handle: (request) =>
        query(request, CONNECTIONS_QUERY, ({ user = null, ...page }) => listConnections(node, { ...page, user })),
    },
    { method: 'GET', path: '/admin/connections/:id', handle: (request) => connection(node, request) },
    {
      method: 'GET',
      path: '/admin/topics',
      handle: (request) =>
        query(request, TOPICS_QUERY, ({ offset, limit, prefix }) => listTopics(node, offset, limit, prefix)),
    },
    {
      method: 'GET',
      path: '/admin/presence',
      handle: (request) =>
        query(request, TOPICS_QUERY, ({ offset, limit, prefix }) => listPresence(node, offset, limit, prefix)),
    },
    {
      method: 'GET',
      path: '/admin/trace/:id',
      handle: (request) => messageTrace(node, stagesOf, request),
    },
    { method: 'GET', path: '/admin/trace', handle: () => tracedPatterns(node) },
    {
      method: 'GET',
      path: '/admin/emergency-status',
      handle: () => ({ status: 200, body: inForce(operations) }),
    },
    { method: 'GET', path: '/admin/dead-letters', handle: () => deadLetters(node) },
  ];
}

function query<T extends z.ZodType>(
  { query: given }: AdminRequest,
  schema: T,
  answer: (value: z.output<T>) => unknown,
): HttpResponse {
  const read = schema.safeParse(Object.fromEntries(given));
  if (read.success) return { status: 200, body: answer(read.data) };
  const [issue] = read.error.issues;
  return refusalResponse(refusal('invalid_field', `query ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`));
}

function connection(node: Node, { parameters }: AdminRequest): HttpResponse {
  const found = inspectConnection(node, parameters['id'] ?? '');
  if (found !== null) return { status: 200, body: found };
  return refusalResponse(
    refusal('not_found', 'expected the id of a connection of this node: see GET /admin/connections'),
  );
}

async function messageTrace(
  { connections, parts }: Node,
  stagesOf: StagesOfApps,
  { parameters, query: given }: AdminRequest,
): Promise<HttpResponse> {
  const id = parameters['id'] ?? '';
  if (messagePlace(id) === null) return refusalResponse(refusal('invalid_field', expectedMessageId(id)));
  const ofApps = await stagesOf(id);
  return { status: 200, body: traceAnswer({ connections, context: parts.context }, id, given.get('user'), ofApps) };
}

async function nodes(bus: ControlBus, views: NodeViews | null): Promise<HttpResponse> {
  const members = await bus.members();
  const away = views?.problem ?? null;
  const problem = away === null ? null : `${away}: other nodes are not seen, whether they live or not`;
  const departed = await bus.departed(members);
  return { status: 200, body: { total: members.length, nodes: members, departed, problem } };
}

function tracedPatterns({ parts }: Node): HttpResponse {
  const patterns = parts.context.router.tracing.list().map(({ pattern, until }) => ({
    pattern,
    until: until === null ? null : new Date(until).toISOString(),
  }));
  return { status: 200, body: { node: parts.mode.name, patterns } };
}

function deadLetters({ parts }: Node): HttpResponse {
  const { deadLetters } = parts.context;
  return { status: 200, body: { node: parts.mode.name, total: deadLetters.total, dead_letters: deadLetters.list() } };
}
