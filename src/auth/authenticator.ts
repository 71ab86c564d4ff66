/** Verifies tokens, and remembers by their digest those that were good, until they expire. */
import { hash } from 'node:crypto';
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import { dropOldest } from '../telemetry/drop-oldest.ts';
import type { ApiKeys, Callers } from './callers.ts';
import { expired, readClaims, type ClaimRules } from './claims.ts';
import type { KeySet } from './key-set.ts';
import { matchKey, noKeyMatches, readToken, type SignedToken } from './signature.ts';
import type { VerificationKey } from './verification-key.ts';
import type { Principal } from './principal.ts';
import { Revocations } from './revocations.ts';

export interface AuthenticatorOptions extends ClaimRules {
  readonly keys: readonly VerificationKey[];
  readonly algorithms: readonly string[];
  readonly cacheSize: number;
  /** Keys that change as their owner rotates them. */
  readonly keySet?: KeySet | undefined;
  readonly revocations?: Revocations | undefined;
}

/** A verified token with the name of the key that it was signed with. */
export interface Verified {
  readonly principal: Principal;
  readonly key: string;
}

const MAX_TOKEN_BYTES = 8_192;
const ORDERS_UNREAD =
  'expected a node that has read what was revoked: this one has not yet (redis.start_without_orders)';
const RETRY_MS = 2_000;

export class Authenticator {
  readonly revocations: Revocations;
  /** Whether it is not known yet what was revoked: nobody is let in on a token meanwhile. */
  awaitsOrders = false;
  /** What an application says of callers; `null` when none does. */
  callers: Callers | null = null;
  // In order of use: the least recently used principal leaves first. Digests, so that no token is kept in memory.
  private readonly cache = new Map<string, Principal>();
  private readonly options: AuthenticatorOptions;
  private readonly clock: Clock;

  constructor(options: AuthenticatorOptions, clock: Clock) {
    this.options = options;
    this.clock = clock;
    this.revocations = options.revocations ?? new Revocations(options.leewaySecs * 1_000);
  }

  /** The principal of a token that was verified before and still is good, by the token's {@link digestOf digest}. */
  cached(digest: string): Principal | undefined {
    if (this.awaitsOrders) return undefined;
    const principal = this.cache.get(digest);
    if (principal === undefined) return undefined;
    this.cache.delete(digest);
    if (this.lapsed(principal) !== null) return undefined;
    // Remembered tokens are use of their key as well: without this nobody would ask whether it was withdrawn.
    if (principal.keyId !== undefined) this.freshen();
    this.cache.set(digest, principal);
    return principal;
  }

  /**
   * Verifies a token. A refusal never quotes it.
   * @param reply called before this returns, unless the token names a key that has to be fetched first
   */
  verify(token: string, reply: (answer: Principal | Refusal) => void): void {
    const digest = digestOf(token);
    const known = this.cached(digest);
    if (known !== undefined) return reply(known);
    this.verifyUnknown(token, digest, reply);
  }

  /** Like {@link verify}, for a token that is not {@link cached}. */
  verifyUnknown(token: string, digest: string, reply: (answer: Principal | Refusal) => void): void {
    const keys = this.callers?.keys ?? null;
    if (keys !== null && token.startsWith(keys.prefix)) return this.verifyKey(keys, token, reply);
    this.examine(token, (answer) => reply(this.remember(digest, answer)));
  }

  /** Like {@link verify}, and says which key it was signed with; nothing is remembered. */
  examine(token: string, reply: (answer: Verified | Refusal) => void): void {
    if (this.awaitsOrders) return reply(refusal('not_admitting', ORDERS_UNREAD, RETRY_MS));
    const { keySet } = this.options;
    const read = this.read(token);
    if (isRefusal(read)) return reply(read);
    if (keySet !== undefined && this.match(read) === null && keySet.mayHelp(read.kid)) {
      return keySet.refresh(() => reply(this.decide(read)));
    }
    // Keys that are used are kept fresh beside the answer, so that nobody waits for a rotation.
    this.freshen();
    reply(this.decide(read));
  }

  /** Verifies a token with the keys known now, and says which of them it was signed with; nothing is remembered. */
  check(token: string): Verified | Refusal {
    const read = this.read(token);
    return isRefusal(read) ? read : this.decide(read);
  }

  /** About once a second: a key that its owner withdraws ends within the age of the set, also where no new token comes. */
  beat(): void {
    if ((this.options.keySet?.known.length ?? 0) > 0) this.freshen();
  }

  /** Why a principal is not accepted any more, or `null`. */
  problem(principal: Principal): Refusal | null {
    return this.tokenProblem(principal) ?? this.callers?.standing?.(principal) ?? null;
  }

  /** Why a principal who was verified before is none now, or `null`: also when the token has expired since. */
  lapsed(principal: Principal): Refusal | null {
    if (this.clock.now() >= principal.expiresAt + this.options.leewaySecs * 1_000) return expired();
    return this.problem(principal);
  }

  /** Keys are remembered by the application that has them: it knows when one ends. */
  private verifyKey(keys: ApiKeys, key: string, reply: (answer: Principal | Refusal) => void): void {
    if (this.awaitsOrders) return reply(refusal('not_admitting', ORDERS_UNREAD, RETRY_MS));
    if (key.length > MAX_TOKEN_BYTES)
      return reply(refusal('token_invalid', `expected a key of at most ${MAX_TOKEN_BYTES} bytes, got ${key.length}`));
    keys.verify(key, (answer) => reply(isRefusal(answer) ? answer : (this.tokenProblem(answer) ?? answer)));
  }

  private tokenProblem(principal: Principal): Refusal | null {
    const { keySet } = this.options;
    if (principal.keyId !== undefined && keySet?.has(principal.keyId) === false)
      return refusal('token_revoked', 'the key that the token was signed with was withdrawn');
    return this.revocations.size === 0 ? null : this.revocations.problem(principal, this.clock.now());
  }

  private freshen(): void {
    const { keySet } = this.options;
    if (keySet?.isOld() === true) keySet.refresh(() => undefined);
  }

  private read(token: string): SignedToken | Refusal {
    if (token.length > MAX_TOKEN_BYTES)
      return refusal('token_invalid', `expected a token of at most ${MAX_TOKEN_BYTES} bytes, got ${token.length}`);
    return readToken(token, this.options.algorithms);
  }

  private match(read: SignedToken): ReturnType<typeof matchKey> {
    const { keys, keySet } = this.options;
    return matchKey(read, keys) ?? (keySet === undefined ? null : matchKey(read, keySet.known));
  }

  private decide(read: SignedToken): Verified | Refusal {
    const signed = this.match(read) ?? noKeyMatches();
    if (isRefusal(signed)) return signed;
    const now = this.clock.now();
    const claimed = readClaims(signed.claims, this.options, now);
    if (isRefusal(claimed)) return claimed;
    const principal = signed.keyId === undefined ? claimed : { ...claimed, keyId: signed.keyId };
    this.revocations.seen(principal, now);
    return this.tokenProblem(principal) ?? { principal, key: signed.key };
  }

  private remember(digest: string, verified: Verified | Refusal): Principal | Refusal {
    if (isRefusal(verified)) return verified;
    this.cache.set(digest, verified.principal);
    dropOldest(this.cache, this.options.cacheSize);
    return verified.principal;
  }
}

/** What a token is known by. A character for each byte, because every user who is connected has one in memory. */
export function digestOf(token: string): string {
  return hash('sha256', token, 'binary');
}
