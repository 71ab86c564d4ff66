/** The meaning of an outcome of a question for the callers that wait for it. */
import type { Refusal } from '../../protocol/errors.ts';
import type { Host } from '../host-api.ts';
import type { Denial, Outcome } from './answers.ts';

export type WhenDown = 'refuse' | 'allow';

/** What the client sees when it is told to come back: soon, but not at once. */
const RETRY_MS = 1_000;

/**
 * The answer that allows; a refusal; or `undefined`: the backend is down, and for this question that is a yes.
 * An answer that cannot be used is never a yes.
 * @param reason of the refusal when there is no answer
 */
export function verdictOf<A extends { readonly allow: boolean }>(
  host: Host,
  outcome: Outcome<A>,
  whenDown: WhenDown,
  reason: 'rights_unavailable' | 'application_timeout' = 'rights_unavailable',
): Exclude<A, Denial> | Refusal | undefined {
  if (outcome.kind === 'answer') {
    const { answer } = outcome;
    return answer.allow ? (answer as Exclude<A, Denial>) : denied(host, answer as unknown as Denial);
  }
  if (outcome.kind === 'wrong')
    return host.refuse(reason, "the application's backend gave an answer that cannot be used", {
      retryAfterMs: RETRY_MS,
    });
  if (whenDown === 'allow') return undefined;
  return host.refuse(reason, "the application's backend does not answer now", {
    retryAfterMs: Math.max(RETRY_MS, Math.ceil(outcome.retryAfterMs ?? 0)),
  });
}

function denied(host: Host, { message = "the application's backend does not allow it", code }: Denial): Refusal {
  return host.refuse('not_allowed', message, code === undefined ? {} : { details: { code } });
}
