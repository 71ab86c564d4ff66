/** The routes of the bridge: webhooks of both sides, and what operators ask. */
import type { AppRoute } from '../app.ts';
import type { RouteRequest } from '../app-route.ts';
import type { Host } from '../host-api.ts';
import type { Refusal } from '../../protocol/errors.ts';
import { genesysWebhook } from './ingress/genesys-webhook.ts';
import { handshake, type Query } from './ingress/handshake.ts';
import { inTime } from './ingress/in-time.ts';
import { whatsappWebhook } from './ingress/whatsapp-webhook.ts';
import { findState } from './mapping/lookup.ts';
import type { Ports } from './ports.ts';
import { TokenError, type Tokens } from './tokens/tokens.ts';
import { allNodes } from './trace/all-nodes.ts';
import { queuedMessages } from './trace/in-queues.ts';
import { traceMessages } from './trace/trace.ts';
import { digitsOf } from './transforms/fields.ts';

export const PLACES = ['/webhooks', '/state', '/auth'] as const;

/** Beyond the bound of the answer itself, which comes with a reason. */
const SPARE_MS = 500;
const MAX_TRACED = 100;
const SHOWN = 4;

export function routes(host: Host, ports: Ports, tokens: Tokens): readonly AppRoute[] {
  const nodes = allNodes(host, ports.underway);
  const { settings } = ports;
  const webhook = { access: 'public', body: 'bytes', cost: 0, crossOrigin: false } as const;
  const bounds = { maxBody: settings.max_body_bytes, deadlineMs: settings.answer_ms + SPARE_MS };
  return [
    workRoute(host, ports),
    host.route<'public', undefined, Query>({
      method: 'GET',
      path: '/webhooks/whatsapp',
      access: 'public',
      summary: "The handshake of Meta's webhook: echoes hub.challenge to a caller that knows the verify token.",
      crossOrigin: false,
      query: (z) => z.record(z.string(), z.union([z.string(), z.array(z.string())])),
      handle: ({ query }) => {
        const answer = handshake(query, settings.verify_token);
        if (answer.status !== 200) ports.troubles.note('handshake', '');
        return answer;
      },
    }),
    host.route({
      ...webhook,
      ...bounds,
      method: 'POST',
      path: '/webhooks/whatsapp',
      summary:
        'Takes a webhook of WhatsApp, signed by Meta: messages of customers, and statuses of what they were sent.',
      answers: (z) => ({ 200: z.object({ status: z.enum(['queued', 'ignored']) }) }),
      handle: (request) => inTime(ports, 'whatsapp', () => whatsappWebhook(ports, request)),
    }),
    host.route({
      ...webhook,
      ...bounds,
      method: 'POST',
      path: '/webhooks/genesys',
      summary: 'Takes a webhook of Genesys Open Messaging, signed: what agents write and have read.',
      answers: (z) => ({ 200: z.object({ status: z.enum(['queued', 'ignored']) }) }),
      handle: (request) => inTime(ports, 'genesys', () => genesysWebhook(ports, request)),
    }),
    host.route({
      method: 'GET',
      path: '/state/conversation',
      access: 'service',
      summary: 'The active conversation of a number, of the tenant of the token or of X-Tenant-ID.',
      query: (z) => z.object({ whatsappNumber: z.string().min(1).max(40) }),
      answers: (z) => ({
        200: z.object({
          conversation: z.string(),
          genesysConversation: z.string().nullable(),
          phoneNumberId: z.string(),
          customer: z.string(),
          status: z.literal('active'),
          createdAt: z.string(),
          activeAt: z.string(),
          expiresAt: z.string(),
        }),
      }),
      handle: async (request) => {
        const tenant = tenantOf(host, request);
        if (typeof tenant !== 'string') return tenant;
        // A literal `+` in a query is a space: both are none of the digits.
        const digits = digitsOf(request.query.whatsappNumber);
        const state = digits === '' ? null : await findState(ports, tenant, digits);
        return state === null
          ? host.refuse('not_found', 'expected a number with an active conversation')
          : { body: state };
      },
    }),
    host.route({
      method: 'GET',
      path: '/auth/token',
      access: 'admin',
      summary:
        'A token of Genesys for the tenant of X-Tenant-ID, to see whether its credentials work; masked unless reveal=true.',
      query: (z) => z.object({ reveal: z.enum(['true', 'false']).optional() }),
      answers: (z) => ({ 200: z.object({ tenantId: z.string(), token: z.string(), masked: z.boolean() }) }),
      handle: async (request) => {
        const tenantId = tenantOf(host, request);
        if (typeof tenantId !== 'string') return tenantId;
        try {
          const token = await tokens.of(tenantId);
          const isShown = request.query.reveal === 'true';
          if (isShown)
            host.log.warn('A token of Genesys was shown to an operator', {
              tenant: tenantId,
              user: request.principal.user,
            });
          const body = { tenantId, token: isShown ? token : `****${token.slice(-SHOWN)}`, masked: !isShown };
          return { headers: { 'cache-control': 'no-store' }, body };
        } catch (error) {
          if (!(error instanceof TokenError)) throw error;
          return { status: 502, body: { error: error.message, problem: error.problem } };
        }
      },
    }),
    host.route({
      method: 'GET',
      path: '/apps/bridge/trace',
      access: 'service',
      summary: 'Where a message is, by the id of WhatsApp or Genesys, by our own, or the newest of a number.',
      query: (z) =>
        z
          .object({
            wamid: z.string().min(1).max(256).optional(),
            genesysId: z.string().min(1).max(256).optional(),
            id: z.string().min(1).max(64).optional(),
            number: z.string().min(1).max(40).optional(),
            tenant: z.string().min(1).max(64).optional(),
            limit: z.coerce.number().int().min(1).max(MAX_TRACED).optional(),
          })
          .refine(
            ({ limit: _limit, tenant: _tenant, ...one }) =>
              Object.values(one).filter((value) => value !== undefined).length === 1,
            'expected one of wamid, genesysId, id, number',
          ),
      handle: async (request) => {
        const tenant = tenantOf(host, request, request.query.tenant);
        if (typeof tenant !== 'string') return tenant;
        const { wamid, genesysId, id, number, limit = 10 } = request.query;
        const digits = number === undefined ? undefined : digitsOf(number);
        const found = await traceMessages(ports, tenant, { wamid, genesysId, id, number: digits, limit });
        const { messages, ids } = found;
        const sideId = wamid ?? genesysId;
        const by = digits !== undefined ? { number: digits } : sideId === undefined ? null : { id: sideId };
        // What has a row by the id that was asked for is no other message in a queue.
        const isFound = sideId !== undefined && messages.length > 0;
        const inQueues = by === null || isFound ? [] : await queuedMessages(ports, nodes, tenant, by, ids, limit);
        const { inbound, outbound, desk } = ports.queues;
        const [waiting, going, forDesk] = await Promise.all([inbound, outbound, desk].map((queue) => queue.depth()));
        const queues = { [inbound.name]: waiting, [outbound.name]: going, [desk.name]: forDesk };
        return { headers: { 'cache-control': 'no-store' }, body: { messages, inQueues, queues } };
      },
    }),
  ];
}

/** What is slow and what goes wrong on this node, by tenant. */
function workRoute(host: Host, { workTimes, troubles }: Pick<Ports, 'workTimes' | 'troubles'>): AppRoute {
  return host.route({
    method: 'GET',
    path: '/apps/bridge/work',
    access: 'admin',
    summary:
      'How long messages of queues take on this node and what goes wrong, by tenant: of all, or of that of the token.',
    answers: (z) => ({
      200: z.object({
        node: z.string(),
        tenants: z.array(
          z.object({
            tenant: z.string(),
            messages: z.number(),
            seconds: z.number(),
            p50: z.number(),
            p99: z.number(),
          }),
        ),
        troubles: z.array(
          z.object({ trouble: z.string(), tenant: z.string(), times: z.number(), says: z.string(), cure: z.string() }),
        ),
      }),
    }),
    handle: async ({ principal: { tenant } }) => ({
      headers: { 'cache-control': 'no-store' },
      body: { node: host.node, tenants: workTimes.list(tenant), troubles: troubles.list(tenant) },
    }),
  });
}

/** The tenant of the token; a backend of the whole installation says one. Two that differ are a contradiction. */
function tenantOf(
  host: Host,
  { principal, header }: Pick<RouteRequest<'service' | 'admin', unknown, unknown>, 'principal' | 'header'>,
  named?: string,
): string | Refusal {
  const asked = named ?? header('x-tenant-id');
  if (principal.tenant !== '' && asked !== undefined && asked !== principal.tenant)
    return host.refuse('not_allowed', 'expected X-Tenant-ID of the tenant of the token');
  const tenant = principal.tenant === '' ? asked : principal.tenant;
  return tenant === undefined || tenant === ''
    ? host.refuse('invalid_field', 'Tenant identification required: X-Tenant-ID, or a token of a tenant')
    : tenant;
}
