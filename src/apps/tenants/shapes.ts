/** What the routes take and answer. */
import type { Zod } from '../vocabulary.ts';
import type { ApiKey } from './api-keys.ts';
import type { Tenant } from './tenant.ts';

/** A record, as the guide has it: its id is `tenantId`. */
export interface ShownTenant extends Omit<Tenant, 'id'> {
  readonly tenantId: string;
}

export function shown({ id, ...tenant }: Tenant): ShownTenant {
  return { tenantId: id, ...tenant };
}

const MAX_HANDLES = 100;
const MAX_SETTINGS = 16_384;

/** Without `:`, which separates the parts of names in the shared store; tokens may have it. */
export function tenantId(z: Zod) {
  return z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, _ and -, at most 64');
}

export function record(z: Zod) {
  return z.object({
    tenantId: z.string(),
    name: z.string(),
    status: z.enum(['active', 'suspended', 'deleted']),
    plan: z.string(),
    rateLimit: z.int(),
    phoneNumberIds: z.array(z.string()),
    integrationIds: z.array(z.string()),
    subdomain: z.string().nullable(),
    settings: z.record(z.string(), z.unknown()),
    createdAt: z.iso.datetime(),
    changedAt: z.iso.datetime(),
  });
}

function fields(z: Zod) {
  const handles = z.array(z.string().regex(/^[\w.:-]{1,128}$/, 'letters, digits and . _ : -')).max(MAX_HANDLES);
  return {
    name: z.string().trim().min(1).max(200),
    plan: z.string().min(1).max(64),
    rateLimit: z.int().min(1).max(1_000_000_000),
    phoneNumberIds: handles,
    integrationIds: handles,
    subdomain: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a label of a domain in lower case')
      .nullable(),
    settings: z
      .record(z.string().min(1).max(100), z.json())
      .refine(
        (settings) => JSON.stringify(settings).length <= MAX_SETTINGS,
        `at most ${MAX_SETTINGS} characters of JSON`,
      ),
  };
}

export function wanted(z: Zod) {
  const { name, ...others } = fields(z);
  return z.strictObject({ tenantId: tenantId(z).optional(), name, ...z.object(others).partial().shape });
}

export function change(z: Zod) {
  return z.strictObject({ ...z.object(fields(z)).partial().shape, status: z.enum(['active', 'suspended']).optional() });
}

export function credentials(z: Zod) {
  return z
    .record(z.string().regex(/^\w{1,64}$/, 'letters, digits and _'), z.string().min(1).max(8_192))
    .refine((given) => Object.keys(given).length > 0 && Object.keys(given).length <= 20, '1 to 20 fields');
}

export function wantedKey(z: Zod) {
  return z.strictObject({
    name: z.string().trim().min(1).max(100),
    roles: z.array(z.string().min(1).max(64)).max(32).default(['service']),
    expiresInDays: z.int().min(1).max(3_650).optional(),
  });
}

export function apiKey(z: Zod) {
  return z.object({
    id: z.string(),
    tenant: z.string(),
    name: z.string(),
    roles: z.array(z.string()),
    key: z.string().describe('masked'),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable(),
    revokedAt: z.iso.datetime().nullable(),
  }) satisfies { readonly _output: ApiKey };
}
