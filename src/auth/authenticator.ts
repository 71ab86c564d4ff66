/** Verifies tokens, and remembers by their digest those that were good, until they expire. */
import { hash } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import { readClaims } from './claims.ts';
import type { Principal } from './principal.ts';

/** A key that tokens may be signed with. */
export interface VerificationKey {
  /** What operators call it: `jwt_secret`, `previous_secret`. */
  readonly name: string;
  readonly secret: Uint8Array;
}

export interface AuthenticatorOptions {
  /** Tried in this order. */
  readonly keys: readonly VerificationKey[];
  /** Fixed by configuration; what the token's header asks for is never believed. */
  readonly algorithms: readonly string[];
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly leewaySecs: number;
  readonly requireExpiry: boolean;
  readonly cacheSize: number;
}

/** A verified token with the key that it was signed with. */
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

  /** The principal of a token that was verified before: without waiting, and at a fiftieth of the cost. */
  cached(token: string): Principal | undefined {
    const digest = digestOf(token);
    const principal = this.cache.get(digest);
    if (principal === undefined) return undefined;
    this.cache.delete(digest);
    if (this.clock.now() >= principal.expiresAt + this.options.leewaySecs * 1_000) return undefined;
    this.cache.set(digest, principal);
    return principal;
  }

  /** Verifies a token. A refusal never quotes it. */
  async verify(token: string): Promise<Principal | Refusal> {
    const cached = this.cached(token);
    if (cached !== undefined) return cached;
    const verified = await this.check(token);
    if ('reason' in verified) return verified;
    this.cache.set(digestOf(token), verified.principal);
    if (this.cache.size > this.options.cacheSize) this.cache.delete(this.cache.keys().next().value as string);
    return verified.principal;
  }

  /** Verifies a token and says which key it was signed with; nothing is remembered. */
  async check(token: string): Promise<Verified | Refusal> {
    if (token.length > MAX_TOKEN_BYTES)
      return refusal('token_invalid', `expected a token of at most ${MAX_TOKEN_BYTES} bytes, got ${token.length}`);
    let last: Refusal = refusal('token_invalid', 'no verification key is configured');
    for (const key of this.options.keys) {
      const answer = await this.checkWith(token, key);
      if (!('reason' in answer)) return answer;
      last = answer;
      // Only a wrong signature makes another key worth a try.
      if (!answer.message.startsWith(BAD_SIGNATURE)) return answer;
    }
    return last;
  }

  private async checkWith(token: string, key: VerificationKey): Promise<Verified | Refusal> {
    const { algorithms, issuer, audience, leewaySecs, requireExpiry } = this.options;
    try {
      const { payload } = await jwtVerify(token, key.secret, {
        algorithms: [...algorithms],
        clockTolerance: leewaySecs,
        currentDate: new Date(this.clock.now()),
        ...(issuer === undefined ? {} : { issuer }),
        ...(audience === undefined ? {} : { audience }),
      });
      const principal = readClaims(payload, requireExpiry);
      return 'reason' in principal ? principal : { principal, key: key.name };
    } catch (error) {
      return explain(error);
    }
  }
}

const BAD_SIGNATURE = 'the signature';

/** The library's errors in our words; its messages could quote a claim. */
function explain(error: unknown): Refusal {
  if (error instanceof errors.JWTExpired) return refusal('token_expired', 'the token has expired');
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return refusal('token_invalid', `${BAD_SIGNATURE} does not match any configured key`);
  if (error instanceof errors.JOSEAlgNotAllowed)
    return refusal('token_invalid', 'the algorithm of the token is not allowed here (auth.algorithms)');
  if (error instanceof errors.JWTClaimValidationFailed) {
    const claim = ['iss', 'aud', 'nbf', 'exp', 'iat'].includes(error.claim) ? error.claim : 'a claim';
    return refusal(
      'token_invalid',
      `the token claim ${claim} is not acceptable here${claim === 'nbf' ? ': not valid yet (check the clocks)' : ''}`,
    );
  }
  return refusal('token_invalid', 'this is not a JWT that can be verified');
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64');
}
