/** The keys of `[apps.tenants]`. */
import type { z } from 'zod';
import type { Zod } from '../vocabulary.ts';

export type Settings = z.output<ReturnType<typeof settings>>;

export function settings(z: Zod) {
  const count = (fallback: number, min: number, max: number) => z.int().min(min).max(max).default(fallback);
  return z.strictObject({
    seal_keys: z
      .string()
      .min(1)
      .meta({ secret: 'text' })
      .optional()
      .describe(
        'keys that seal credentials, "id:base64 of 32 bytes" with commas between; the first one seals, all of them open',
      ),
    plan: z.string().min(1).max(64).default('standard').describe('plan of a tenant that is given none'),
    rate_limit: count(600, 1, 1_000_000_000).describe('requests a minute of a tenant that is given no limit'),
    cache_secs: count(10, 1, 3_600).describe(
      'how long a node believes what it has read of a tenant; changes reach all nodes at once, unless a node does not hear of them',
    ),
    cache_size: count(10_000, 1, 1_000_000).describe('tenants, and as many numbers and keys, that a node remembers'),
    required: z
      .boolean()
      .default(false)
      .describe('whether users without a tenant are refused; operators (roles service and admin) are not'),
    base_domain: z
      .string()
      .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/, 'a domain in lower case, as chat.example')
      .optional()
      .describe('subdomains of it are those of tenants: callers there have to be of that tenant'),
    keys_per_tenant: count(20, 1, 1_000).describe('API keys of a tenant that are good at a time'),
    audit_days: count(365, 1, 36_500).describe('how long the audit is kept'),
    counter_prefix: z
      .string()
      .regex(/^[A-Za-z0-9:_.-]{1,64}$/, 'letters, digits, ":", "_", "." and "-"')
      .default('ratelimit:')
      .describe('what the counters of minutes begin with in the shared store: PREFIX + tenant + ":" + yyyymmddhhmm'),
  });
}
