/** Verifies who asks, address by address: where too many attempts were bad, more are not looked at for a while. */
import type { Authenticator } from '../auth/authenticator.ts';
import type { Principal } from '../auth/principal.ts';
import type { ConnectionContext } from '../connection/context.ts';
import type { KeyedBuckets } from '../limits/keyed-buckets.ts';
import { ERRORS, isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { networkOf } from './client-address.ts';

type Answer<T> = (answer: T | Refusal) => void;

/** Asked for only where it counts: as long as nobody has failed, that is when somebody does. */
type Address = () => string;

/** The parts of a node that attempts need. */
interface AttemptParts {
  readonly context: Pick<ConnectionContext, 'clock' | 'counters'>;
  /** Failed verifications per address. */
  readonly failures: KeyedBuckets;
}

interface VerificationParts extends AttemptParts {
  readonly authenticator: Authenticator;
}

/** The principal of a token that was verified before and still is good, by its digest; counts whether there was one. */
export function rememberedFrom(
  { authenticator, context }: Pick<VerificationParts, 'authenticator' | 'context'>,
  digest: string,
): Principal | undefined {
  const known = authenticator.cached(digest);
  context.counters.tokenLookups.add(known === undefined ? 'miss' : 'hit');
  return known;
}

/**
 * Verifies a token that is not remembered.
 * @param address whose failures count: the client's, not that of a trusted proxy
 */
export function verifyFrom(
  parts: VerificationParts,
  address: Address,
  token: string,
  digest: string,
  reply: Answer<Principal>,
): void {
  attemptFrom(parts, address, (answered) => parts.authenticator.verifyUnknown(token, digest, answered), reply);
}

/** Refuses an attempt without a token. It counts like a bad one: otherwise a client without a token could try without end. */
export function failFrom(
  parts: AttemptParts,
  address: Address,
  problem: Refusal,
  reply: (answer: Refusal) => void,
): void {
  attemptFrom<Refusal>(parts, address, (answered) => answered(problem), reply);
}

/**
 * Lets an address try to prove who it is. Failures are counted, for the metric and against the address.
 * @param attempt decides; not called while the address has to wait
 */
export function attemptFrom<T extends object>(
  { failures, context }: AttemptParts,
  address: Address,
  attempt: (answered: Answer<T>) => void,
  reply: Answer<T>,
): void {
  const now = context.clock.elapsed();
  const key = failures.isEmpty ? null : networkOf(address());
  if (key !== null && !failures.allows(key, 1, now)) {
    context.counters.authenticationFailures.add('rate_limited');
    return reply(refusal('rate_limited', 'expected fewer failed tokens from this address', failures.wait(key, 1, now)));
  }
  attempt((answer) => {
    // A node that does not know yet what was revoked, or whose database is away, has not looked at the token.
    if (isRefusal(answer) && !ERRORS[answer.reason].temporary) {
      failures.take(key ?? networkOf(address()), 1, now);
      context.counters.authenticationFailures.add(answer.reason);
    }
    reply(answer);
  });
}
