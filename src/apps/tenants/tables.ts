/** The tables of the application, as its queries know them (migrations/). */
import type { Generated } from 'kysely';

interface TenantTable {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly plan: string;
  readonly rate_limit: number;
  readonly subdomain: string | null;
  readonly settings: string;
  readonly created_at: Date;
  readonly changed_at: Date;
}

interface HandleTable {
  readonly kind: string;
  readonly id: string;
  readonly tenant: string;
}

interface CredentialTable {
  readonly tenant: string;
  readonly kind: string;
  readonly sealed: string;
  readonly sealed_by: string;
  readonly changed_at: Date;
}

interface ApiKeyTable {
  readonly digest: string;
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly ending: string;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
}

interface AuditTable {
  readonly id: Generated<number>;
  readonly at: Date;
  readonly tenant: string;
  readonly action: string;
  readonly actor: string;
  readonly address: string | null;
  readonly details: string;
}

export interface Tables {
  readonly tenants: TenantTable;
  readonly handles: HandleTable;
  readonly credentials: CredentialTable;
  readonly api_keys: ApiKeyTable;
  readonly audit: AuditTable;
}
