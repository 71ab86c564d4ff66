/** The routes of operators: records, API keys, credentials, audit; and what a tenant sees of itself. */
import { isRefusal, refusal } from '../../protocol/errors.ts';
import type { AppRoute } from '../app-route.ts';
import type { Host } from '../host-api.ts';
import { listKeys } from './api-keys.ts';
import { listAudit } from './audit.ts';
import { credentialRoutes } from './credential-routes.ts';
import { tenantOfSite } from './identity.ts';
import { change, create, createKey, endKey, nobody, remove } from './operations.ts';
import type { Ports } from './ports.ts';
import { listTenants } from './records.ts';
import { actorOf, answerOf, idIn } from './requests.ts';
import { serviceRoutes } from './service-routes.ts';
import { apiKey, change as changeShape, record, shown, wanted, wantedKey } from './shapes.ts';
import { minuteName } from './spending.ts';

const MAX_KEYS = 1_000;

export function routes(host: Host, ports: Ports): AppRoute[] {
  return [
    ...recordRoutes(host, ports),
    ...keyRoutes(host, ports),
    ...credentialRoutes(host, ports),
    ...serviceRoutes(host, ports),
    ...ownRoutes(host, ports),
  ];
}

function recordRoutes(host: Host, ports: Ports): AppRoute[] {
  const { database, registry } = ports;
  return [
    host.route({
      method: 'POST',
      path: '/tenants',
      access: 'admin',
      summary: 'Makes a tenant.',
      body: wanted,
      answers: (z) => ({ 201: record(z) }),
      handle: async (request) => {
        const { tenantId: id, ...made } = request.body;
        const tenant = await create(ports, actorOf(request), { ...made, id });
        return isRefusal(tenant) ? tenant : { status: 201, body: shown(tenant) };
      },
    }),
    host.route({
      method: 'GET',
      path: '/tenants',
      access: 'admin',
      summary: 'Tenants, a page in the order of their ids.',
      query: (z) =>
        z.strictObject({
          after: z.string().max(64).default(''),
          limit: z.coerce.number().int().min(1).max(1_000).default(100),
          status: z.enum(['active', 'suspended', 'deleted']).optional(),
        }),
      answers: (z) => ({ 200: z.object({ tenants: z.array(record(z)), next: z.string().nullable() }) }),
      handle: async ({ query }) => {
        const tenants = await listTenants(database, query);
        const next = tenants.length < query.limit ? null : (tenants.at(-1)?.id ?? null);
        return { body: { tenants: tenants.map(shown), next } };
      },
    }),
    host.route({
      method: 'GET',
      path: '/tenants/:id',
      access: 'admin',
      summary: 'The record of a tenant.',
      answers: (z) => ({ 200: record(z) }),
      handle: async ({ parameters }) => {
        const tenant = await registry.get(idIn(parameters));
        return tenant === null ? nobody() : { body: shown(tenant) };
      },
    }),
    host.route({
      method: 'PATCH',
      path: '/tenants/:id',
      access: 'admin',
      summary: 'Changes a tenant: the fields that are there. In force on every node within a second.',
      body: changeShape,
      answers: (z) => ({ 200: record(z) }),
      handle: async (request) =>
        answerOf(await change(ports, actorOf(request), idIn(request.parameters), request.body), shown),
    }),
    host.route({
      method: 'DELETE',
      path: '/tenants/:id',
      access: 'admin',
      summary: 'Deletes a tenant: its record and its audit stay, its secrets and its connections go.',
      answers: (z) => ({ 200: record(z) }),
      handle: async (request) => answerOf(await remove(ports, actorOf(request), idIn(request.parameters)), shown),
    }),
    host.route({
      method: 'GET',
      path: '/tenants/:id/audit',
      access: 'admin',
      summary: 'Changes of a tenant, the newest first.',
      query: (z) => z.strictObject({ limit: z.coerce.number().int().min(1).max(1_000).default(100) }),
      answers: (z) => ({
        200: z.object({
          entries: z.array(
            z.object({
              at: z.iso.datetime(),
              action: z.string(),
              actor: z.string(),
              address: z.string().nullable(),
              details: z.unknown(),
            }),
          ),
        }),
      }),
      handle: async ({ parameters, query }) => ({
        body: { entries: await listAudit(database, idIn(parameters), query.limit) },
      }),
    }),
    host.route({
      method: 'GET',
      path: '/tenants/:id/usage',
      access: 'admin',
      summary: 'The requests of a tenant in this minute, and its limit.',
      answers: (z) => ({ 200: z.object({ minute: z.string(), used: z.int(), rateLimit: z.int() }) }),
      handle: async ({ parameters }) => {
        const tenant = await registry.get(idIn(parameters));
        if (tenant === null) return nobody();
        const now = host.clock.now();
        const used = await ports.spending.used(tenant.id, now);
        return { body: { minute: minuteName(now), used, rateLimit: tenant.rateLimit } };
      },
    }),
  ];
}

function keyRoutes(host: Host, ports: Ports): AppRoute[] {
  return [
    host.route({
      method: 'POST',
      path: '/tenants/:id/api-keys',
      access: 'admin',
      summary: 'Makes an API key. The answer is the only one that has it: `secret`.',
      body: wantedKey,
      answers: (z) => ({ 201: apiKey(z).extend({ secret: z.string() }) }),
      handle: async (request) => {
        const made = await createKey(ports, actorOf(request), idIn(request.parameters), request.body);
        return isRefusal(made) ? made : { status: 201, body: made };
      },
    }),
    host.route({
      method: 'GET',
      path: '/tenants/:id/api-keys',
      access: 'admin',
      summary: 'The API keys of a tenant, masked, the newest first.',
      answers: (z) => ({ 200: z.object({ keys: z.array(apiKey(z)) }) }),
      handle: async ({ parameters }) => ({
        body: { keys: await listKeys(ports.database, idIn(parameters), MAX_KEYS) },
      }),
    }),
    host.route({
      method: 'DELETE',
      path: '/tenants/:id/api-keys/:key',
      access: 'admin',
      summary: 'Ends an API key, on every node within a second.',
      answers: (z) => ({ 200: apiKey(z) }),
      handle: async (request) =>
        answerOf(
          await endKey(ports, actorOf(request), idIn(request.parameters), request.parameters['key'] ?? ''),
          (key) => key,
        ),
    }),
  ];
}

function ownRoutes(host: Host, ports: Ports): AppRoute[] {
  return [
    host.route({
      method: 'GET',
      path: '/apps/tenants/own',
      access: 'user',
      summary: 'The tenant of the caller.',
      answers: (z) => ({ 200: ownShape(z) }),
      handle: async ({ principal }) => {
        const tenant = await ports.registry.get(principal.tenant);
        if (tenant === null) return refusal('not_found', 'expected a caller with a tenant');
        return { body: ownOf(tenant) };
      },
    }),
    host.route({
      method: 'GET',
      path: '/apps/tenants/at-site',
      access: 'public',
      summary: 'The tenant whose subdomain this is, for pages that nobody has logged in on.',
      answers: (z) => ({ 200: z.object({ tenantId: z.string(), name: z.string() }) }),
      handle: async ({ header }) => {
        const tenant = await tenantOfSite(ports, header('host'));
        return isRefusal(tenant) ? tenant : { body: { tenantId: tenant.id, name: tenant.name } };
      },
    }),
  ];
}

function ownShape(z: Host['z']) {
  return record(z).pick({ tenantId: true, name: true, status: true, plan: true, rateLimit: true });
}

function ownOf({ id, name, status, plan, rateLimit }: Parameters<typeof shown>[0]): object {
  return { tenantId: id, name, status, plan, rateLimit };
}
