/** Verifies tokens, and remembers by their digest those that were good, until they expire. */
import { hash } from 'node:crypto';
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import { readClaims, type ClaimRules } from './claims.ts';
import { verifySignature, type VerificationKey } from './hmac-signature.ts';
import type { Principal } from './principal.ts';

export interface AuthenticatorOptions extends ClaimRules {
  readonly keys: readonly VerificationKey[];
  readonly algorithms: readonly string[];
  readonly cacheSize: number;
}

/** A verified token with the name of the key that it was signed with. */
export interface Verified {
  readonly principal: Principal;
  readonly key: string;
}

const MAX_TOKEN_BYTES = 8_192;

export class Authenticator {
  // In order of use: the least recently used principal leaves first. Digests, so that no token is kept in memory.
  private readonly cache = new Map<string, Principal>();
  private readonly options: AuthenticatorOptions;
  private readonly clock: Clock;

  constructor(options: AuthenticatorOptions, clock: Clock) {
    this.options = options;
    this.clock = clock;
  }

  /** The principal of a token that was verified before. */
  cached(token: string): Principal | undefined {
    const digest = hash('sha256', token, 'base64');
    const principal = this.cache.get(digest);
    if (principal === undefined) return undefined;
    this.cache.delete(digest);
    if (this.clock.now() >= principal.expiresAt + this.options.leewaySecs * 1_000) return undefined;
    this.cache.set(digest, principal);
    return principal;
  }

  /**
   * Verifies a token. A refusal never quotes it.
   * @param reply called before this returns for the keys that there are today; callers must not rely on it
   */
  verify(token: string, reply: (answer: Principal | Refusal) => void): void {
    const known = this.cached(token);
    if (known !== undefined) return reply(known);
    const verified = this.check(token);
    if ('reason' in verified) return reply(verified);
    this.cache.set(hash('sha256', token, 'base64'), verified.principal);
    if (this.cache.size > this.options.cacheSize) this.cache.delete(this.cache.keys().next().value as string);
    reply(verified.principal);
  }

  /** Verifies a token and says which key it was signed with; nothing is remembered. */
  check(token: string): Verified | Refusal {
    if (token.length > MAX_TOKEN_BYTES)
      return refusal('token_invalid', `expected a token of at most ${MAX_TOKEN_BYTES} bytes, got ${token.length}`);
    const signed = verifySignature(token, this.options.keys, this.options.algorithms);
    if ('reason' in signed) return signed;
    const principal = readClaims(signed.claims, this.options, this.clock.now());
    return 'reason' in principal ? principal : { principal, key: signed.key };
  }
}
