/**
 * A token of a user of a tenant, for operators who look at what that user sees: good for reading by HTTP alone, short, and
 * written down before it is out.
 */
import { randomUUID } from 'node:crypto';
import type { TokenIssuer } from '../../auth/issuing.ts';
import type { Principal } from '../../auth/principal.ts';
import { refusal, type Refusal } from '../../protocol/errors.ts';
import { writeAudit, type Actor } from './audit.ts';
import { nobody } from './operations.ts';
import type { Ports } from './ports.ts';

export const MAX_MINUTES = 15;
const MINUTE_MS = 60_000;
/** What the ids of these tokens begin with. */
const TOKEN_ID = 'impersonation:';
/** They would be more than a user sees. */
const TOO_MUCH = new Set(['admin', 'service']);

/** Whether a token was made here: it may look, and do nothing. */
export function isImpersonation({ tokenId }: Pick<Principal, 'tokenId'>): boolean {
  return tokenId?.startsWith(TOKEN_ID) === true;
}

export interface Impersonation {
  readonly user: string;
  readonly roles: readonly string[];
  readonly minutes: number;
  /** Names or patterns of topics that may be read. */
  readonly topics: readonly string[];
  readonly reason: string;
}

export async function impersonate(
  { registry, host, database }: Ports,
  actor: Actor,
  tenant: string,
  { user, roles, minutes, topics, reason }: Impersonation,
): Promise<{ readonly token: string; readonly expiresAt: string } | Refusal> {
  if ((await registry.get(tenant))?.status !== 'active') return nobody();
  const excess = roles.find((role) => TOO_MUCH.has(role));
  if (excess !== undefined) return refusal('invalid_field', `roles: expected those of users, got ${excess}`);
  const now = host.clock.now();
  const expiresAt = now + minutes * MINUTE_MS;
  const tokenId = `${TOKEN_ID}${randomUUID()}`;
  const scope = { subscribe: topics, publish: [] };
  const issue = issuerOf(host);
  if (issue === null) return refusal('wrong_state', 'expected auth.jwt_secret: without it this server makes no tokens');
  // The audit first: a token that nobody knows of must not be out.
  const details = { user, roles: [...roles], minutes, topics: [...topics], reason, tokenId };
  await writeAudit(database, actor, { tenant, action: 'impersonated', details }, now);
  const token = issue({ tenant, user, roles, topics: scope, tokenId, issuedAt: now, expiresAt });
  return { token, expiresAt: new Date(expiresAt).toISOString() };
}

function issuerOf({ tokenIssuer }: Ports['host']): TokenIssuer | null {
  try {
    return tokenIssuer();
  } catch {
    return null;
  }
}
