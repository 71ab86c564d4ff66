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
    counter_prefix: z
      .string()
      .regex(/^[A-Za-z0-9:_.-]{1,64}$/, 'letters, digits, ":", "_", "." and "-"')
      .default('ratelimit:')
      .describe('what the counters of minutes begin with in the shared store: PREFIX + tenant + ":" + yyyymmddhhmm'),
  });
}
