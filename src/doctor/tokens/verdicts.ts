/** What is said of each given token, here and by the node: asked once for all checks. */
import { isRefusal, type Refusal } from '../../protocol/errors.ts';
import type { Verified } from '../../auth/authenticator.ts';
import type { Patient, View } from '../patient.ts';
import { formProblem } from './form.ts';
import { givenTokens, type GivenToken } from './given-token.ts';

export interface Verdicts {
  readonly token: GivenToken;
  /** By the configuration; `null` without one. */
  readonly here: Verified | Refusal | null;
  /** By the running node: what it answered, why there is no answer, or `null` when none was named. */
  readonly there: View | Error | null;
}

const known = new WeakMap<Patient, Promise<readonly Verdicts[]>>();

/** Of the tokens that have the form of one. */
export function verdictsOf(patient: Patient): Promise<readonly Verdicts[]> {
  const asked = known.get(patient) ?? Promise.all(wellFormed(patient).map((token) => verdictsOn(token, patient)));
  known.set(patient, asked);
  return asked;
}

function wellFormed(patient: Patient): readonly GivenToken[] {
  return givenTokens(patient).filter((token) => formProblem(token) === null);
}

async function verdictsOn(token: GivenToken, { authentication, checkToken }: Patient): Promise<Verdicts> {
  const here =
    authentication === undefined
      ? null
      : new Promise<Verified | Refusal>((resolve) => authentication.authenticator.examine(token.text, resolve));
  const there = checkToken?.(token.text).catch((error: unknown) =>
    error instanceof Error ? error : new Error(String(error)),
  );
  return { token, here: await here, there: (await there) ?? null };
}

/** Whether a node was asked and answered as one does that knows the question. */
export function isAnswer(
  there: Verdicts['there'],
): there is View & { readonly body: Readonly<Record<string, unknown>> } {
  return (
    there !== null && !(there instanceof Error) && there.status === 200 && typeof there.body?.['accepted'] === 'boolean'
  );
}

export function isAccepted(here: Verdicts['here']): here is Verified {
  return here !== null && !isRefusal(here);
}
