/** What a tenant is to the server. */
import type { JsonValue } from '../../protocol/frames.ts';

const STATUSES = ['active', 'suspended', 'deleted'] as const;
/** `suspended` may come back; `deleted` does not. */
export type Status = (typeof STATUSES)[number];

/** What webhooks name a tenant by. */
export type HandleKind = 'whatsapp' | 'genesys';

export interface Tenant {
  /** The claim `tenant` of its users' tokens. */
  readonly id: string;
  readonly name: string;
  readonly status: Status;
  readonly plan: string;
  /** Requests a minute, over all nodes. */
  readonly rateLimit: number;
  /** Meta's ids of its WhatsApp numbers; not the numbers. */
  readonly phoneNumberIds: readonly string[];
  /** Of Genesys Open Messaging. */
  readonly integrationIds: readonly string[];
  readonly subdomain: string | null;
  /** Whatever the product keeps with a tenant. No secrets. */
  readonly settings: Readonly<Record<string, JsonValue>>;
  /** ISO 8601, like the next one. */
  readonly createdAt: string;
  readonly changedAt: string;
}

/** What a tenant is made with. */
export type NewTenant = Omit<Tenant, 'status' | 'createdAt' | 'changedAt'>;

/** Fields that are left out stay. */
export interface TenantChange {
  readonly name?: string | undefined;
  readonly status?: 'active' | 'suspended' | undefined;
  readonly plan?: string | undefined;
  readonly rateLimit?: number | undefined;
  readonly phoneNumberIds?: readonly string[] | undefined;
  readonly integrationIds?: readonly string[] | undefined;
  readonly subdomain?: string | null | undefined;
  /** Merged into what is there; `null` takes a key away. */
  readonly settings?: Readonly<Record<string, JsonValue>> | undefined;
}
