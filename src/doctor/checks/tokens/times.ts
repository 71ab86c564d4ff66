/** Whether the times of a token are in seconds, near, and of a clock that is right. */
import type { Check } from '../../check.ts';
import { formProblem } from '../../tokens/form.ts';
import { givenTokens } from '../../tokens/given-token.ts';
import { timesWarnings } from '../../tokens/times.ts';

const LEEWAY_SECS = 60;

export const tokensTimes: Check = {
  name: 'tokens.times',
  looksAt:
    'Whether `exp`, `iat` and `nbf` of each `--token` are in seconds, not years away, and of a clock that agrees with this one.',
  needs: ['tokens'],
  run: (patient) => {
    const leeway = patient.configuration?.config?.auth.leeway_secs ?? LEEWAY_SECS;
    const tokens = givenTokens(patient).filter((token) => formProblem(token) === null);
    return tokens.flatMap((token) => timesWarnings(token, patient.clock.now() / 1_000, leeway));
  },
};
