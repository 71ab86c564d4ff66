/**
 * What tenants offer to other applications, and the only file of theirs that those import:
 * `uses: ['tenants']`, then `host.used('tenants') as Tenants`.
 */
import { openCredentials, type Credentials } from './credentials.ts';
import type { Ports } from './ports.ts';
import type { Spent } from './spending.ts';
import type { HandleKind, Tenant } from './tenant.ts';

export type { Credentials, HandleKind, Spent, Tenant };

export interface Tenants {
  /** The record, whatever its status: who acts for a tenant looks whether it is `active`. */
  get(id: string): Promise<Tenant | null>;
  /** @param phoneNumberId Meta's id of the number */
  byWhatsAppNumber(phoneNumberId: string): Promise<Tenant | null>;
  byIntegration(integrationId: string): Promise<Tenant | null>;
  /**
   * Opened; never to be logged.
   * @returns `null` when the tenant has none. @throws SealError when the key that sealed them is missing
   */
  credentials(id: string, kind: HandleKind): Promise<Credentials | null>;
  /** Takes a request from the minute of the tenant, over all nodes. A tenant that there is not has nothing to spend. */
  spend(id: string): Promise<Spent>;
  /** Told on every node when a tenant was made, changed, suspended or deleted, or its credentials were. */
  onChange(told: (id: string) => void): void;
}

export function offeredBy({ host, database, registry, spending, keys }: Ports): Tenants {
  return {
    get: (id) => registry.get(id),
    byWhatsAppNumber: (id) => registry.byName('whatsapp', id),
    byIntegration: (id) => registry.byName('genesys', id),
    credentials: (id, kind) => openCredentials(database, keys, id, kind),
    spend: async (id) => {
      const tenant = await registry.get(id);
      return spending.spend(id, tenant?.rateLimit ?? 0, host.clock.now());
    },
    onChange: (told) => registry.onChange(told),
  };
}
