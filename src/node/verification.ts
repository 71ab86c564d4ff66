/** Verifies tokens address by address: where too many were bad, more are not looked at for a while. */
import type { Principal } from '../auth/principal.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { NodeParts } from './node.ts';

/** @param address whose failures count: the client's, not that of a trusted proxy */
export function verifyFrom(
  { authenticator, failures, context }: NodeParts,
  address: string,
  token: string,
  reply: (answer: Principal | Refusal) => void,
): void {
  const now = context.clock.elapsed();
  if (!failures.allows(address, 1, now)) {
    context.counters.authenticationFailures.add('rate_limited');
    return reply(
      refusal('rate_limited', 'expected fewer failed tokens from this address', failures.wait(address, 1, now)),
    );
  }
  authenticator.verify(token, (answer) => {
    if ('reason' in answer) {
      failures.take(address, 1, now);
      context.counters.authenticationFailures.add(answer.reason);
    }
    reply(answer);
  });
}
