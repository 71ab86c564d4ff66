/** The routes of operators that look for something, clear something, or look as somebody. */
import { isRefusal, refusal } from '../../protocol/errors.ts';
import { isTopicName, isSupportedPattern } from '../../protocol/topic.ts';
import type { AppRoute } from '../app-route.ts';
import type { Host } from '../host-api.ts';
import { digestOfKey, findKey, keyEnd } from './api-keys.ts';
import { writeAudit } from './audit.ts';
import { impersonate, MAX_MINUTES } from './impersonation.ts';
import { nobody } from './operations.ts';
import type { Ports } from './ports.ts';
import { actorOf, idIn } from './requests.ts';
import { tenantId } from './shapes.ts';

const CLEARING_MS = 60_000;

export function serviceRoutes(host: Host, ports: Ports): AppRoute[] {
  const { database, registry } = ports;
  return [
    host.route({
      method: 'POST',
      path: '/apps/tenants/of-key',
      access: 'admin',
      summary: 'Whose API key this is, and whether it is good.',
      body: (z) => z.strictObject({ key: z.string().min(1).max(200) }),
      answers: (z) => ({
        200: z.object({ tenantId: z.string(), id: z.string(), name: z.string(), ended: z.string().nullable() }),
      }),
      handle: async ({ body }) => {
        const row = await findKey(database, digestOfKey(body.key));
        if (row === null) return nobody();
        const { tenant, id, name } = row;
        return { body: { tenantId: tenant, id, name, ended: keyEnd(row, host.clock.now()) } };
      },
    }),
    host.route({
      method: 'POST',
      path: '/apps/tenants/cache/clear',
      access: 'admin',
      summary: 'Forgets what is remembered of one tenant: on every node, and the keys tenant:ID:* of the shared store.',
      body: (z) => z.strictObject({ tenantId: tenantId(z) }),
      answers: (z) => ({ 200: z.object({ removed: z.int() }) }),
      deadlineMs: CLEARING_MS,
      handle: async (request) => {
        const { tenantId: tenant } = request.body;
        registry.changed(tenant);
        const removed = await ports.clearShared(tenant);
        if (removed === null) return refusal('log_unavailable', 'expected the shared store to answer', 1_000);
        const entry = { tenant, action: 'cache_cleared', details: { removed } } as const;
        await writeAudit(database, actorOf(request), entry, host.clock.now());
        return { body: { removed } };
      },
    }),
    host.route({
      method: 'POST',
      path: '/tenants/:id/impersonations',
      access: 'admin',
      summary: 'Makes a token that sees what a user of the tenant sees, for minutes. It is written into the audit.',
      body: (z) =>
        z.strictObject({
          user: z.string().min(1).max(200),
          roles: z.array(z.string().min(1).max(64)).max(32).default(['user']),
          minutes: z.int().min(1).max(MAX_MINUTES).default(MAX_MINUTES),
          topics: z
            .array(z.string().refine((name) => isTopicName(name) || isSupportedPattern(name), 'a topic or a pattern'))
            .max(100)
            .default(['conversation.**']),
          reason: z.string().trim().min(1).max(500),
        }),
      answers: (z) => ({ 201: z.object({ token: z.string(), expiresAt: z.iso.datetime() }) }),
      handle: async (request) => {
        const made = await impersonate(ports, actorOf(request), idIn(request.parameters), request.body);
        return isRefusal(made) ? made : { status: 201, body: made };
      },
    }),
  ];
}
