/** Tells callers by API keys, and decides whether the tenant of a caller is served. */
import type { CallerFacts } from '../../auth/callers.ts';
import { refusal, type Refusal } from '../../protocol/errors.ts';
import type { Callers, KeyHolder } from '../app.ts';
import { digestOfKey, isKey, KEY_PREFIX, keyEnd, tokenIdOf } from './api-keys.ts';
import { isImpersonation } from './impersonation.ts';
import type { Ports } from './ports.ts';
import type { Tenant } from './tenant.ts';

/** The texts of guide 002. */
const REQUIRED = 'Tenant identification required';
const NOT_FOUND = 'Tenant not found';
const OVER_RATE = 'Rate limit exceeded';

/** Roles that act without a tenant, also where `required` refuses everybody else. */
const OPERATORS = new Set(['service', 'admin']);

export function callers(ports: Ports): Callers {
  return {
    keys: {
      prefix: KEY_PREFIX,
      header: 'x-api-key',
      missing: `${REQUIRED}: expected Authorization: Bearer <jwt or API key>, or X-API-Key`,
      verify: (key) => holderOf(ports, key),
    },
    admits: (caller) => admissionProblem(ports, caller),
    standing: ({ tenant }) => {
      if (tenant === '') return undefined;
      const status = ports.registry.barred.of(tenant);
      return status === undefined ? undefined : barredProblem(status);
    },
  };
}

async function holderOf({ registry, host }: Ports, key: string): Promise<KeyHolder | Refusal> {
  const row = isKey(key) ? await registry.byKey(digestOfKey(key)) : null;
  // Nobody is told whether a key was good once.
  if (row === null || keyEnd(row, host.clock.now()) !== null) return refusal('tenant_not_found', NOT_FOUND);
  return {
    tenant: row.tenant,
    user: `key:${row.id}`,
    roles: row.roles,
    tokenId: tokenIdOf(row.id),
    issuedAt: row.created_at.getTime(),
    expiresAt: row.expires_at?.getTime() ?? Infinity,
  };
}

async function admissionProblem(
  ports: Ports,
  { principal, method, header }: CallerFacts,
): Promise<undefined | Refusal> {
  const { tenant: id, roles } = principal;
  if (isImpersonation(principal) && method !== 'GET')
    return refusal('not_allowed', 'expected a GET: a token of an impersonation may look, and do nothing');
  if (id === '' && roles.some((role) => OPERATORS.has(role))) return undefined;
  const named = header('x-tenant-id');
  if (named !== undefined && named !== id)
    return refusal('tenant_conflict', 'expected X-Tenant-ID to be the tenant of the token or key');
  const site = siteOf(ports.settings.base_domain, header('host'));
  const ofSite = site === null ? null : await ports.registry.byName('subdomain', site);
  if (site !== null && ofSite?.status !== 'active') return siteProblem(ofSite);
  if (ofSite !== null && ofSite.id !== id)
    return refusal('tenant_conflict', 'expected a token or key of the tenant of this subdomain');
  if (id === '') return ports.settings.required ? refusal('tenant_required', REQUIRED) : undefined;
  const tenant = await ports.registry.get(id);
  if (tenant?.status === 'active') return rateProblem(ports, tenant);
  const problem = barredProblem(tenant?.status ?? 'deleted');
  ports.refusedLines.refused(id, problem.reason);
  return problem;
}

async function rateProblem({ spending, host }: Ports, { id, rateLimit }: Tenant): Promise<undefined | Refusal> {
  const spent = await spending.spend(id, rateLimit, host.clock.now());
  return spent.ok ? undefined : refusal('rate_limited', OVER_RATE, spent.retryAfterMs);
}

/** The tenant of a site, for those who are not known yet. */
export async function tenantOfSite(ports: Ports, host: string | undefined): Promise<Tenant | Refusal> {
  const site = siteOf(ports.settings.base_domain, host);
  if (site === null) return refusal('tenant_required', REQUIRED);
  const tenant = await ports.registry.byName('subdomain', site);
  return tenant?.status === 'active' ? tenant : siteProblem(tenant);
}

function siteProblem(tenant: Tenant | null): Refusal {
  return tenant?.status === 'suspended' ? barredProblem('suspended') : refusal('tenant_not_found', NOT_FOUND);
}

function barredProblem(status: 'suspended' | 'deleted'): Refusal {
  return status === 'suspended'
    ? refusal('tenant_suspended', 'expected a tenant that is active: this one is suspended')
    : refusal('tenant_not_found', NOT_FOUND);
}

/** The label before the domain; `null` for the domain itself, and for other hosts. */
function siteOf(domain: string | undefined, host: string | undefined): string | null {
  if (domain === undefined || host === undefined) return null;
  const name = host.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
  if (!name.endsWith(`.${domain}`)) return null;
  return name.slice(0, -domain.length - 1);
}
