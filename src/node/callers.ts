/** Asks the application that knows of callers, if there is one, whether this one is served. No answer in time is a no. */
import type { CallerFacts, Callers } from '../auth/callers.ts';
import type { ConnectionContext } from '../connection/context.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { inTime } from '../service/answer-in-time.ts';
import { failedEvent } from '../service/tell-events.ts';

const RETRY_MS = 1_000;

interface AskingParts {
  readonly context: Pick<ConnectionContext, 'scheduler' | 'clock' | 'deadLetters' | 'limits' | 'counters'>;
  readonly authenticator: { readonly callers: Callers | null };
}

/** @param decide `null` is a yes; called once, at once or later */
export function askAboutCaller(
  { context, authenticator }: AskingParts,
  facts: CallerFacts,
  decide: (problem: Refusal | null) => void,
): void {
  const admits = authenticator.callers?.admits ?? null;
  if (admits === null) return decide(null);
  const { scheduler, clock, deadLetters, limits, counters } = context;
  const decided = (problem: Refusal | null): void => {
    if (problem !== null) counters.callersRefused.add(problem.reason);
    decide(problem);
  };
  inTime<Refusal | null>(
    scheduler,
    limits.decisionTimeoutMs,
    (answered) => {
      try {
        admits(facts, answered);
      } catch (error) {
        deadLetters.add(failedEvent(clock, error));
        answered(refusal('rights_unavailable', 'expected a decision about this caller, got a fault', RETRY_MS));
      }
    },
    {
      // The tenant may have been suspended while the question was under way.
      answer: (problem) => decided(problem ?? authenticator.callers?.standing?.(facts.principal) ?? null),
      missing: () => {
        const expected = `expected a decision about this caller within ${limits.decisionTimeoutMs} ms (apps.decision_timeout_ms)`;
        decided(refusal('rights_unavailable', expected, RETRY_MS));
      },
      late: () => {},
    },
  );
}

/** The message for callers without any credential. @param otherwise without an application that has keys */
export function missingCredential({ callers }: AskingParts['authenticator'], otherwise: string): Refusal {
  return refusal('token_missing', callers?.keys?.missing ?? otherwise);
}
