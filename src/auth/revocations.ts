/**
 * Tokens that are no longer accepted although they are good: one token, all of a user issued until now, or all issued
 * before a time. A token without `iat` counts as issued at the beginning of time. Entries end when the last token that
 * they are about must have expired; until then they only grow stronger, in whatever order revocations come.
 *
 * An issuer whose clock is ahead writes an `iat` that is yet to come: what it issued before a revocation looks like
 * issued after it. Once a good token was seen to do so, the leeway for clocks counts against tokens here. An `iat` further
 * ahead than that says nothing, and its token counts as one without.
 */
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { Principal } from './principal.ts';

export interface Revocation {
  readonly jti?: string | undefined;
  readonly user?: string | undefined;
  readonly tenant: string;
  /** Seconds since 1970. */
  readonly issuedBefore?: number | undefined;
  /** Of a user: the account is closed, which is said instead. */
  readonly isClosed?: boolean | undefined;
}

/** An entry as operators see it. */
export interface RevocationView {
  readonly of: 'token' | 'user' | 'everybody';
  /** The token's id, `tenant/user`, or nothing. */
  readonly who: string;
  /** Tokens issued until then; `null` for all. ISO 8601, like its end. */
  readonly issued_until: string | null;
  readonly until: string;
}

interface Entry {
  /** Tokens issued until here are revoked, in ms since 1970. */
  readonly issuedUntil: number;
  /** When the entry ends, in ms since 1970. */
  readonly until: number;
  readonly isClosed?: boolean;
}

/** What `auth.leeway_secs` is when nobody says otherwise. */
const LEEWAY_MS = 60_000;
/** `iat` counts whole seconds: so much later than now is no clock that is ahead. */
const GRANULARITY_MS = 1_000;

/** Entries of each kind; the oldest leave first, which is logged by the caller. */
const MAX_ENTRIES = 100_000;

export class Revocations {
  private readonly tokens = new Map<string, Entry>();
  private readonly users = new Map<string, Entry>();
  private everybody: Entry = { issuedUntil: 0, until: 0 };
  private toleranceMs = 0;
  private readonly leewayMs: number;

  /** @param leewayMs how far clocks may differ */
  constructor(leewayMs = LEEWAY_MS) {
    this.leewayMs = leewayMs;
  }

  get size(): number {
    return this.tokens.size + this.users.size + (this.everybody.until > 0 ? 1 : 0);
  }

  /** The newest entries of each kind, as many together at most: those that operators have just made. */
  newest(limit: number): readonly RevocationView[] {
    const everybody = this.everybody.until > 0 ? [view('everybody', '', this.everybody)] : [];
    const users = last(this.users, limit).map(([who, entry]) => view('user', who, entry));
    const tokens = last(this.tokens, limit).map(([who, entry]) => view('token', who, entry));
    return [...everybody, ...users, ...tokens].slice(0, limit);
  }

  /** @param until when the entry ends; @param now both in ms since 1970 */
  add({ jti, user, tenant, issuedBefore, isClosed = false }: Revocation, now: number, until: number): void {
    const before = issuedBefore === undefined ? now : issuedBefore * 1_000;
    if (jti !== undefined) put(this.tokens, jti, { issuedUntil: Infinity, until });
    else if (user !== undefined)
      put(this.users, `${tenant}/${user}`, { issuedUntil: before, until, ...(isClosed && { isClosed }) });
    else this.everybody = stronger(this.everybody, { issuedUntil: before, until });
  }

  /** A good token was seen, issued at this time as it says; before its own {@link problem} is asked for. */
  seen({ issuedAt }: Principal, now: number): void {
    if (issuedAt > now + GRANULARITY_MS) this.toleranceMs = this.leewayMs;
  }

  /** Whether a revocation would be about this principal. */
  covers({ jti, user, tenant, issuedBefore }: Revocation, principal: Principal, now: number): boolean {
    if (jti !== undefined) return principal.tokenId === jti;
    const isTheirs = user === undefined || (principal.user === user && principal.tenant === tenant);
    const before = issuedBefore === undefined ? now : issuedBefore * 1_000;
    return isTheirs && this.earliest(principal, now) <= before;
  }

  /** Why a principal is not accepted any more, or `null`. */
  problem(principal: Principal, now: number): Refusal | null {
    const { tokenId, tenant, user } = principal;
    const issued = this.earliest(principal, now);
    const ofUser = this.users.size > 0 ? this.users.get(`${tenant}/${user}`) : undefined;
    const isTheirs = ends(ofUser, issued, now);
    if (isTheirs && ofUser?.isClosed === true)
      return refusal('account_inactive', 'the account of the user was deactivated');
    const isRevoked =
      isTheirs ||
      ends(this.everybody, issued, now) ||
      (tokenId !== undefined && ends(this.tokens.get(tokenId), issued, now));
    return isRevoked ? refusal('token_revoked', 'the token was revoked') : null;
  }

  /** Forgets what has ended. */
  sweep(now: number): void {
    for (const entries of [this.tokens, this.users]) {
      for (const [key, { until }] of entries) if (until <= now) entries.delete(key);
    }
    if (this.everybody.until <= now) this.everybody = { issuedUntil: 0, until: 0 };
  }

  /** When a token may have been issued at the earliest. */
  private earliest({ issuedAt }: Principal, now: number): number {
    return issuedAt > now + this.leewayMs + GRANULARITY_MS ? 0 : issuedAt - this.toleranceMs;
  }
}

/** The last entries of a map, the newest first. */
function last(entries: ReadonlyMap<string, Entry>, limit: number): [string, Entry][] {
  const found: [string, Entry][] = [];
  let skip = entries.size - limit;
  for (const entry of entries) {
    skip -= 1;
    if (skip < 0) found.push(entry);
  }
  return found.toReversed();
}

function view(of: RevocationView['of'], who: string, { issuedUntil, until }: Entry): RevocationView {
  return {
    of,
    who,
    issued_until: Number.isFinite(issuedUntil) ? new Date(issuedUntil).toISOString() : null,
    until: new Date(until).toISOString(),
  };
}

/** Whether the entry is about tokens issued at this time. */
function ends(entry: Entry | undefined, issued: number, now: number): boolean {
  return entry !== undefined && entry.until > now && issued <= entry.issuedUntil;
}

function put(entries: Map<string, Entry>, key: string, entry: Entry): void {
  const known = entries.get(key);
  entries.delete(key);
  // The last word counts: the tokens of an account that is open again were revoked, and no more.
  const isClosed = entry.isClosed === true;
  entries.set(key, known === undefined ? entry : { ...stronger(known, entry), ...(isClosed && { isClosed }) });
  if (entries.size > MAX_ENTRIES) entries.delete(entries.keys().next().value as string);
}

function stronger(one: Entry, other: Entry): Entry {
  return {
    issuedUntil: Math.max(one.issuedUntil, other.issuedUntil),
    until: Math.max(one.until, other.until),
  };
}
