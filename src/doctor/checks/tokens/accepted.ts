/** Whether a token is accepted by the rules of the configuration, and if not, what its issuer does wrong. */
import { isRefusal } from '../../../protocol/errors.ts';
import type { Check } from '../../check.ts';
import { ok, warn, type Observation } from '../../finding.ts';
import type { Patient } from '../../patient.ts';
import { formProblem } from '../../tokens/form.ts';
import { givenTokens } from '../../tokens/given-token.ts';
import { refusalCause } from '../../tokens/refusal-cause.ts';
import { verdictsOf, type Verdicts } from '../../tokens/verdicts.ts';

export const tokensAccepted: Check = {
  name: 'tokens.accepted',
  looksAt:
    'Whether the configuration accepts each `--token`, and why not: form, algorithm, key (the usual mistakes with a secret are tried), times, issuer, audience.',
  needs: ['tokens'],
  run: async (patient) => {
    const malformed = givenTokens(patient).flatMap((token) => formProblem(token) ?? []);
    const verdicts = await verdictsOf(patient);
    return [...malformed, ...verdicts.flatMap((verdict) => judged(verdict, patient))];
  },
};

function judged({ token, here }: Verdicts, { configuration, authentication, clock }: Patient): readonly Observation[] {
  const config = configuration?.config;
  if (here === null || config == null || authentication === undefined) return [];
  if (isRefusal(here)) return [refusalCause(token, here, config, authentication, clock.now())];
  if (here.key !== 'jwt_previous_secret') return [ok(`${token.label} is accepted here: signed with auth.${here.key}`)];
  return [
    warn(
      `${token.label} was signed with auth.jwt_previous_secret: its issuer still has the old secret`,
      'give the issuer auth.jwt_secret before auth.jwt_previous_secret is taken away',
    ),
  ];
}
