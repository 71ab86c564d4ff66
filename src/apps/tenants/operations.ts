/** What operators do with tenants: the change, the audit, and then every node. */
import { randomUUID } from 'node:crypto';
import { refusal, type Refusal } from '../../protocol/errors.ts';
import { insertKey, revokeKey, shownKey, tokenIdOf, type ApiKey } from './api-keys.ts';
import { writeAudit, type Actor, type AuditAction } from './audit.ts';
import { masked, openCredentials, putCredentials, removeCredentials, type Credentials } from './credentials.ts';
import type { Ports } from './ports.ts';
import { changeTenant, deleteTenant, insertTenant, type Taken } from './records.ts';
import { SealError } from './sealing.ts';
import type { HandleKind, NewTenant, Tenant, TenantChange } from './tenant.ts';

/** How long a revocation is remembered: as long as a connection may have missed it. */
const REVOKED_SECS = 30 * 86_400;

const TAKEN: Readonly<Record<Taken, string>> = {
  id: 'an id that no tenant has, or had',
  subdomain: 'a subdomain that no other tenant has',
  handle: 'phoneNumberIds and integrationIds that no other tenant has',
};

type Wanted = Pick<NewTenant, 'name'> & { readonly [Field in keyof NewTenant]?: NewTenant[Field] | undefined };

export async function create(ports: Ports, actor: Actor, wanted: Wanted): Promise<Tenant | Refusal> {
  const { database, settings, registry, host } = ports;
  const now = host.clock.now();
  const made: NewTenant = {
    id: wanted.id ?? `tenant-${randomUUID()}`,
    name: wanted.name,
    plan: wanted.plan ?? settings.plan,
    rateLimit: wanted.rateLimit ?? settings.rate_limit,
    phoneNumberIds: wanted.phoneNumberIds ?? [],
    integrationIds: wanted.integrationIds ?? [],
    subdomain: wanted.subdomain ?? null,
    settings: wanted.settings ?? {},
  };
  const tenant = await insertTenant(database, made, now);
  if (typeof tenant === 'string') return taken(tenant);
  await writeAudit(database, actor, { tenant: tenant.id, action: 'created', details: { name: tenant.name } }, now);
  registry.changed(tenant.id, 'active');
  return tenant;
}

/** Suspending closes the sockets of the tenant's users, on every node. */
export async function change(ports: Ports, actor: Actor, id: string, wanted: TenantChange): Promise<Tenant | Refusal> {
  const { database, registry, host } = ports;
  const now = host.clock.now();
  const changed = await changeTenant(database, id, wanted, now);
  if (changed === null) return nobody();
  if (typeof changed === 'string') return taken(changed);
  const { before, after } = changed;
  const action = actionOf(before, after);
  await writeAudit(database, actor, { tenant: id, action, details: { fields: Object.keys(wanted) } }, now);
  registry.changed(id, after.status);
  if (after.status === 'suspended') await close(ports, id);
  return after;
}

export async function remove(ports: Ports, actor: Actor, id: string): Promise<Tenant | Refusal> {
  const { database, registry, host } = ports;
  const now = host.clock.now();
  const deleted = await deleteTenant(database, id, now);
  if (deleted === null) return nobody();
  const { before, after, keys } = deleted;
  const freed = { phoneNumberIds: before.phoneNumberIds, integrationIds: before.integrationIds };
  const details = { ...freed, subdomain: before.subdomain, keys };
  await writeAudit(database, actor, { tenant: id, action: 'deleted', details }, now);
  registry.changed(id, 'deleted');
  await close(ports, id);
  return after;
}

export async function setCredentials(
  ports: Ports,
  actor: Actor,
  {
    tenant,
    kind,
    credentials,
  }: { readonly tenant: string; readonly kind: HandleKind; readonly credentials: Credentials },
): Promise<{ readonly credentials: Credentials } | Refusal> {
  const { database, registry, host, keys } = ports;
  if (!(await isThere(ports, tenant))) return nobody();
  if (keys === null)
    return refusal('wrong_state', 'expected apps.tenants.seal_keys: without it no credentials are taken');
  const now = host.clock.now();
  await putCredentials(database, keys, { tenant, kind, credentials }, now);
  const details = { kind, fields: Object.keys(credentials) };
  await writeAudit(database, actor, { tenant, action: 'credentials_set', details }, now);
  registry.changed(tenant);
  return { credentials: masked(credentials) };
}

/** Masked: nobody reads them out of the server. */
export async function showCredentials(
  ports: Ports,
  tenant: string,
  kind: HandleKind,
): Promise<{ readonly credentials: Credentials } | Refusal> {
  if (!(await isThere(ports, tenant))) return nobody();
  try {
    const found = await openCredentials(ports.database, ports.keys, tenant, kind);
    if (found === null) return refusal('not_found', `expected credentials of the kind ${kind}: this tenant has none`);
    return { credentials: masked(found) };
  } catch (error) {
    if (error instanceof SealError) return refusal('wrong_state', error.message);
    throw error;
  }
}

export async function dropCredentials(
  ports: Ports,
  actor: Actor,
  tenant: string,
  kind: HandleKind,
): Promise<null | Refusal> {
  if (!(await removeCredentials(ports.database, tenant, kind)))
    return refusal('not_found', `expected credentials of the kind ${kind}: this tenant has none`);
  const now = ports.host.clock.now();
  await writeAudit(ports.database, actor, { tenant, action: 'credentials_removed', details: { kind } }, now);
  ports.registry.changed(tenant);
  return null;
}

export interface WantedKey {
  readonly name: string;
  readonly roles: readonly string[];
  readonly expiresInDays?: number | undefined;
}

const DAY_MS = 86_400_000;

/** The answer is the only place where the key itself ever is. */
export async function createKey(
  ports: Ports,
  actor: Actor,
  tenant: string,
  { name, roles, expiresInDays }: WantedKey,
): Promise<(ApiKey & { readonly secret: string }) | Refusal> {
  const { database, settings, registry, host } = ports;
  if (!(await isThere(ports, tenant))) return nobody();
  const now = host.clock.now();
  const expiresAt = expiresInDays === undefined ? null : new Date(now + expiresInDays * DAY_MS);
  const most = settings.keys_per_tenant;
  const made = await insertKey(database, { tenant, name, roles, expiresAt }, most, now);
  if (made === null)
    return refusal('wrong_state', `expected fewer than ${most} API keys of this tenant (apps.tenants.keys_per_tenant)`);
  const { key: secret, shown } = made;
  await writeAudit(database, actor, { tenant, action: 'key_created', details: { key: shown.id, name, roles } }, now);
  registry.changed(tenant);
  return { ...shown, secret };
}

/** The key is refused from now on, and its connections are closed, on every node. */
export async function endKey(ports: Ports, actor: Actor, tenant: string, id: string): Promise<ApiKey | Refusal> {
  const { database, registry, host } = ports;
  const now = host.clock.now();
  const row = await revokeKey(database, tenant, id, now);
  if (row === null) return refusal('not_found', 'expected an API key of this tenant');
  await writeAudit(database, actor, { tenant, action: 'key_revoked', details: { key: id } }, now);
  registry.changed(tenant);
  const { missed } = await host.revokeToken(tokenIdOf(id), REVOKED_SECS);
  if (missed.length > 0) host.log.warn('Not every node has confirmed the end of an API key', { tenant, missed });
  return shownKey(row);
}

async function close({ host }: Ports, tenant: string): Promise<void> {
  const { connections, missed } = await host.disconnectTenant(tenant);
  host.log.info('Tenant closed', { tenant, connections });
  if (missed.length > 0) host.log.warn('Not every node has confirmed that it has closed a tenant', { tenant, missed });
}

async function isThere({ registry }: Ports, id: string): Promise<boolean> {
  const tenant = await registry.get(id);
  return tenant !== null && tenant.status !== 'deleted';
}

function actionOf(before: Tenant, after: Tenant): AuditAction {
  if (before.status === after.status) return 'changed';
  return after.status === 'suspended' ? 'suspended' : 'resumed';
}

function taken(what: Taken): Refusal {
  return refusal('wrong_state', `expected ${TAKEN[what]}`);
}

export function nobody(): Refusal {
  return refusal('not_found', 'Tenant not found');
}
