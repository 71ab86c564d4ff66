/** Whether a page may connect by the configuration, and which entry is nearly right where it may not. */
import { isOriginAllowed } from '../../../node/origins.ts';
import type { Check } from '../../check.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';
import { nearMiss, originOf } from '../../origins.ts';

export const originsConfigured: Check = {
  name: 'origins.configured',
  looksAt:
    'Whether `security.allowed_origins` has the origin of `--page`; near misses (scheme, www, port, slash, subdomain) are named.',
  needs: ['page', 'configuration'],
  run: ({ page, configuration }) => {
    const allowed = configuration?.config?.security.allowed_origins;
    return page === null || allowed === undefined ? [] : [judged(page, allowed)];
  },
};

function judged(page: string, allowed: readonly string[]): Observation {
  const origin = originOf(page);
  if (origin === null) return fail(`${page} is no address of a page`, '--page https://example.com');
  const note = origin === page ? '' : ` (browsers send ${origin} for ${page})`;
  if (isOriginAllowed(origin, allowed)) return ok(`security.allowed_origins allows ${origin}${note}`);
  const list = allowed.length === 0 ? 'is empty' : `has ${allowed.join(', ')}`;
  const near = nearMiss(origin, allowed);
  const says = `pages of ${origin} may not connect${note}: security.allowed_origins ${list}${near === null ? '' : `; ${near}`}`;
  const cure = `[security] allowed_origins = ${JSON.stringify([...allowed, origin])}`;
  return origin.startsWith('http') ? fail(says, cure) : warn(says, cure);
}
