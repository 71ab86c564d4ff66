/** What an application knows of callers, as the port of the core: deadlines are the core's, and a fault is never a yes. */
import type { Callers as CallersPort } from '../auth/callers.ts';
import type { Principal } from '../auth/principal.ts';
import { sharedRoles } from '../auth/role-lists.ts';
import { ERRORS, isRefusal, quote, refusal, type Refusal } from '../protocol/errors.ts';
import type { Callers, KeyHolder } from './app.ts';
import type { Called, Calls } from './calls.ts';

const RETRY_MS = 1_000;

/** @param deadlineMs for an answer about a key */
export function callersPort({ keys, admits, standing }: Callers, calls: Calls, deadlineMs: number): CallersPort {
  return {
    keys:
      keys === undefined
        ? null
        : {
            prefix: keys.prefix,
            header: keys.header,
            missing: keys.missing,
            verify: (key, reply) => {
              const called = { part: 'callers', name: 'verify', deadlineMs } as const;
              calls.run<KeyHolder | Refusal>(
                called,
                () => keys.verify(key),
                (answer) => reply(holderOf(answer, calls, called)),
              );
            },
          },
    admits:
      admits === undefined
        ? null
        : (facts, reply) => {
            // The core has a deadline of its own.
            const called = { part: 'callers', name: 'admits', deadlineMs: null } as const;
            calls.run<undefined | Refusal>(
              called,
              () => admits(facts),
              (answer) => reply(decisionOf(answer, calls, called)),
            );
          },
    standing: standing === undefined ? null : (principal) => standingOf(standing, principal, calls),
  };
}

/** Called for every connection each second, so not by way of {@link Calls.run}, which looks at the clock. */
function standingOf(standing: NonNullable<Callers['standing']>, principal: Principal, calls: Calls): Refusal | null {
  const called = { part: 'callers', name: 'standing', deadlineMs: null } as const;
  try {
    const problem = decisionOf(standing(principal), calls, called);
    // A fault in the middle of a connection's life is an operator's business, and not this user's.
    return problem?.reason === 'rights_unavailable' ? null : problem;
  } catch (error) {
    calls.failed(called, error);
    return null;
  }
}

function holderOf(answer: KeyHolder | Refusal, calls: Calls, called: Called): Principal | Refusal {
  if (isRefusal(answer)) return isOwnRefusal(answer) ? answer : unavailable(calls.app);
  const { tenant, user, roles, tokenId, issuedAt, expiresAt } = answer;
  if (typeof tenant === 'string' && typeof user === 'string' && Array.isArray(roles))
    return { tenant, user, roles: sharedRoles(roles), topics: null, tokenId, issuedAt, expiresAt };
  calls.failed(called, new TypeError(`expected a tenant, a user and roles, got ${quote(answer)}`));
  return unavailable(calls.app);
}

function decisionOf(answer: undefined | Refusal, calls: Calls, called: Called): Refusal | null {
  if (answer === undefined) return null;
  if (typeof answer === 'object' && answer !== null && isRefusal(answer))
    return isOwnRefusal(answer) ? answer : unavailable(calls.app);
  calls.failed(called, new TypeError(`expected nothing or a refusal, got ${quote(answer)}`));
  return unavailable(calls.app);
}

/** Whether the application said it, and not what called it. */
function isOwnRefusal({ reason }: Refusal): boolean {
  return Object.hasOwn(ERRORS, reason) && reason !== 'application_timeout' && reason !== 'quarantined';
}

function unavailable(app: string): Refusal {
  return refusal('rights_unavailable', `expected ${app} to say in time who this caller is`, RETRY_MS);
}
