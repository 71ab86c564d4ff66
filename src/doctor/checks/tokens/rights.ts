/** What a token may do, and why it may nothing. */
import type { Check } from '../../check.ts';
import { rightsObservations } from '../../tokens/rights-cause.ts';
import { isAccepted, verdictsOf } from '../../tokens/verdicts.ts';

export const tokensRights: Check = {
  name: 'tokens.rights',
  looksAt: 'What each accepted `--token` may do; where it may do nothing, which rule would let which role.',
  needs: ['tokens', 'configuration'],
  run: async (patient) => {
    const verdicts = await verdictsOf(patient);
    return verdicts.flatMap(({ token, here }) => {
      if (!isAccepted(here) || patient.authentication === undefined) return [];
      return rightsObservations(token, here, patient.authentication.rights);
    });
  },
};
