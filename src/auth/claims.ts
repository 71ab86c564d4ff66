/** Reads the claims of a token whose signature is good. Nothing in them is believed to have the right type. */
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { MAX_TOPICS_PER_FRAME, MAX_USER_LENGTH } from '../protocol/limits.ts';
import { isSupportedPattern, isTenant, isTopicName, ME, presentIn } from '../protocol/topic.ts';
import type { Principal } from './principal.ts';
import { sharedRoles } from './role-lists.ts';

const MAX_ROLES = 32;
const MAX_TOKEN_ID = 128;
/** ECMA-262 section 21.4.1.1. */
const MAX_SECONDS = 8_640_000_000_000;

type Claims = Readonly<Record<string, unknown>>;

/** What a token must say to be accepted here. */
export interface ClaimRules {
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly leewaySecs: number;
  readonly requireExpiry: boolean;
}

/** @param now milliseconds since 1970 */
export function readClaims(claims: Claims, rules: ClaimRules, now: number): Principal | Refusal {
  const user = claims['sub'] ?? claims['user_id'];
  if (typeof user !== 'string' || user.length === 0 || user.length > MAX_USER_LENGTH) {
    return invalid(`sub or user_id: expected 1 to ${MAX_USER_LENGTH} characters`);
  }
  // Tables keep neither, and would take two users for one.
  if (user.includes('\0') || !user.isWellFormed())
    return invalid('sub or user_id: expected no NUL and no halves of characters');
  const problem = timeProblem(claims, rules, now) ?? partyProblem(claims, rules);
  if (problem !== null) return problem;
  const { roles = [], tenant_id: other, tenant = other ?? '', jti, iat, exp } = claims;
  if (!isStrings(roles) || roles.length > MAX_ROLES) return invalid(`roles: expected at most ${MAX_ROLES} strings`);
  if (typeof tenant !== 'string' || !isTenant(tenant))
    return invalid('tenant: expected 1 to 64 characters [A-Za-z0-9_:-]');
  if (other !== undefined && other !== tenant)
    return invalid('tenant and tenant_id: expected one tenant, got two that differ');
  if (jti !== undefined && (typeof jti !== 'string' || jti.length > MAX_TOKEN_ID)) {
    return invalid(`jti: expected at most ${MAX_TOKEN_ID} characters`);
  }
  const topics = readTopics(claims['topics']);
  if (topics !== null && isRefusal(topics)) return topics;
  const { subscribe } = claims;
  if (subscribe !== undefined && !isNames(subscribe))
    return invalid(`subscribe: expected at most ${MAX_TOPICS_PER_FRAME} topic names, patterns, @me, @presence.<topic>`);
  return {
    tenant,
    user,
    roles: sharedRoles(roles),
    topics,
    ...(subscribe !== undefined && { subscribe }),
    tokenId: jti,
    issuedAt: iat === undefined ? 0 : (iat as number) * 1_000,
    expiresAt: exp === undefined ? Infinity : (exp as number) * 1_000,
  };
}

/** RFC 7519 sections 4.1.4 to 4.1.6. `1e999` in JSON is Infinity, which is a number and later than now. */
function timeProblem(
  { exp, nbf, iat }: Claims,
  { leewaySecs, requireExpiry }: ClaimRules,
  now: number,
): Refusal | null {
  const strange = isStrange(exp) ? 'exp' : isStrange(nbf) ? 'nbf' : isStrange(iat) ? 'iat' : null;
  if (strange !== null) return invalid(`${strange}: expected a finite number of seconds`);
  if (exp === undefined && requireExpiry) return invalid('exp: expected an expiry (auth.require_expiry)');
  const seconds = now / 1_000;
  if (exp !== undefined && (exp as number) <= seconds - leewaySecs) return expired();
  if (nbf !== undefined && (nbf as number) > seconds + leewaySecs)
    return invalid('nbf: not valid yet (check the clocks)');
  return null;
}

/** Whether it is there and no time: seconds since 1970 that a date can have; more would be Infinity once it is counted in milliseconds. */
function isStrange(value: unknown): boolean {
  return value !== undefined && !(Number.isFinite(value) && (value as number) <= MAX_SECONDS);
}

function partyProblem({ iss, aud }: Claims, { issuer, audience }: ClaimRules): Refusal | null {
  if (issuer !== undefined && iss !== issuer) return invalid('iss: expected auth.issuer');
  if (audience === undefined) return null;
  const audiences: unknown[] = Array.isArray(aud) ? aud : [aud];
  return audiences.includes(audience) ? null : invalid('aud: expected auth.audience');
}

function readTopics(value: unknown): Principal['topics'] | Refusal {
  if (value === undefined) return null;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return invalid('topics: expected {subscribe: [pattern…], publish: [pattern…]}');
  }
  const { subscribe = [], publish = [] } = value as Claims;
  if (!isPatterns(subscribe) || !isPatterns(publish)) {
    return invalid(`topics: expected at most ${MAX_TOPICS_PER_FRAME} topic names or patterns each`);
  }
  return { subscribe, publish };
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isPatterns(value: unknown): value is string[] {
  return (
    isStrings(value) &&
    value.length <= MAX_TOPICS_PER_FRAME &&
    value.every((item) => isTopicName(item) || isSupportedPattern(item))
  );
}

/** What a client may name in a `Subscribe`. */
function isNames(value: unknown): value is string[] {
  return (
    isStrings(value) &&
    value.length <= MAX_TOPICS_PER_FRAME &&
    value.every((item) => isTopicName(presentIn(item) ?? item) || isSupportedPattern(item) || item === ME)
  );
}

function invalid(message: string): Refusal {
  return refusal('token_invalid', `token claim ${message}`);
}

export function expired(): Refusal {
  return refusal('token_expired', 'the token has expired');
}
