/**
 * What a backend may see and change of the connections of its tenant's users, on all nodes: `GET /api/connections`,
 * `POST /api/disconnect`, `/api/subscribe` and `/api/unsubscribe`.
 */
import { z } from 'zod';
import { closeCode, closeText, connectionId, sessionId, topicNames, user } from '../control/command.ts';
import { listUserConnections } from '../node/backend-orders.ts';
import type { Node } from '../node/node.ts';
import type { GuardedRoute, HttpResponse } from '../node/route.ts';
import { schemaRefusal } from '../node/schema-refusal.ts';
import { ERRORS, type Refusal } from '../protocol/errors.ts';
import { changeSubscriptions } from '../service/change-subscriptions.ts';
import { ALL_NODES_COST, readingCost } from '../service/rates.ts';
import { reach, type Reached } from '../service/reach.ts';
import type { AdminRoute } from './admin-access.ts';
import { askAll, type Elsewhere } from './all-nodes.ts';
import { apiRoute, refused, type ApiEndpoint, type Call } from './api.ts';
import { readBody } from './json-body.ts';

/** Also the name under which nodes ask each other. */
const LIST = '/api/connections';
const MAX_BODY = 65_536;
/** Topics for one token, as in a `Subscribe`. */
const TOPICS_PER_TOKEN = 10;

export const USER_QUERY = z.strictObject({ user });
const ONE_OF = ['user', 'session_id', 'connection_id'] as const;
export const DISCONNECT_BODY = z
  .strictObject({
    user: user.optional(),
    session_id: sessionId.optional(),
    connection_id: connectionId.optional(),
    code: closeCode,
    reason: closeText,
  })
  .refine(
    (given) => ONE_OF.filter((name) => given[name] !== undefined).length === 1,
    `expected exactly one of ${ONE_OF.join(', ')}`,
  );
export const SUBSCRIPTIONS_BODY = z.strictObject({ user, topics: topicNames });

export function userConnectionRoutes(
  node: Node,
  elsewhere: Elsewhere,
  trustedProxies: readonly string[],
): GuardedRoute[] {
  const route = (endpoint: Omit<ApiEndpoint, 'cost' | 'maxBody'>): GuardedRoute =>
    apiRoute(node, trustedProxies, { ...endpoint, cost: ALL_NODES_COST, maxBody: MAX_BODY });
  return [
    route({ method: 'GET', path: LIST, answer: (call) => list(node, elsewhere, call) }),
    route({ method: 'POST', path: '/api/disconnect', answer: (call) => disconnect(elsewhere, call) }),
    route({ method: 'POST', path: '/api/subscribe', answer: (call) => change(elsewhere, call, true) }),
    route({ method: 'POST', path: '/api/unsubscribe', answer: (call) => change(elsewhere, call, false) }),
  ];
}

/** What other nodes ask this one: they have looked at the token. */
export function userConnectionView(node: Node): AdminRoute {
  return {
    method: 'GET',
    path: LIST,
    handle: ({ query }) => ownList(node, query.get('tenant') ?? '', query.get('user') ?? ''),
  };
}

function ownList(node: Node, tenant: string, name: string): HttpResponse {
  return { status: 200, body: listUserConnections(node, tenant, name) };
}

async function list(node: Node, elsewhere: Elsewhere, { request, principal }: Call): Promise<HttpResponse> {
  const read = USER_QUERY.safeParse(Object.fromEntries(request.query));
  if (!read.success) return refused(schemaRefusal(read.error, 'query'));
  const { tenant } = principal;
  const query = new URLSearchParams({ tenant, user: read.data.user }).toString();
  const own = ownList(node, tenant, read.data.user);
  const answers = await askAll(elsewhere, own, { path: LIST, parameters: {}, query });
  const total = answers.reduce((sum, { body }) => sum + Number(body?.['total'] ?? 0), 0);
  const connections = answers.flatMap(({ node: name, body }) =>
    ((body?.['connections'] ?? []) as readonly object[]).map((connection) => ({ node: name, ...connection })),
  );
  return { status: 200, body: { user: read.data.user, total, connections, missed: missedOf(answers) } };
}

function missedOf(answers: Awaited<ReturnType<typeof askAll>>): readonly string[] {
  return answers.flatMap(({ node, problem }) => (problem === null ? [] : [`${node}: ${problem}`]));
}

async function disconnect({ bus }: Elsewhere, { request, principal, parts }: Call): Promise<HttpResponse> {
  const body = readBody(request.body, DISCONNECT_BODY);
  if ('response' in body) return body.response;
  const { tenant } = principal;
  const reached = await reach(bus, { name: 'close_connections', arguments: { tenant, ...body.value } });
  const { user: whose, session_id: session, connection_id: id, code } = body.value;
  parts.context.log.info('A backend closed connections', {
    audit: true,
    who: principal.user,
    tenant,
    of: whose ?? session ?? id,
    code,
    connections: reached.connections,
    missed: reached.missed.length,
  });
  return { status: statusOf(reached), body: reached };
}

async function change({ bus }: Elsewhere, call: Call, subscribed: boolean): Promise<HttpResponse> {
  const { request, principal, parts } = call;
  const body = readBody(request.body, SUBSCRIPTIONS_BODY);
  if ('response' in body) return body.response;
  const { topics: wanted, user: whose } = body.value;
  const more = Math.ceil(wanted.length / TOPICS_PER_TOKEN) - 1 + readingCost(Buffer.byteLength(request.body));
  const unpaid = more === 0 ? null : call.charge(more);
  if (unpaid !== null) return refused(unpaid);
  const order = { user: whose, topics: wanted, subscribed };
  const { rejected, ...changed } = await changeSubscriptions(parts.context, bus, principal, order);
  const refusals = [...rejected].map(([topic, problem]) => ({ topic, ...errorOf(problem) }));
  return { status: rejected.size > 0 ? 207 : statusOf(changed), body: { ...changed, rejected: refusals } };
}

/** 207 when a look at the answer is needed: not everything was done. */
function statusOf({ missed }: Reached): 200 | 207 {
  return missed.length === 0 ? 200 : 207;
}

function errorOf({ reason, message, retryAfterMs, details }: Refusal): Record<string, unknown> {
  const { code, temporary } = ERRORS[reason];
  const more = { ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }), ...(details && { details }) };
  return { code, reason, message, temporary, ...more };
}
