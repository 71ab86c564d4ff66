/** Whether the running node takes a token: what was revoked, and what it was started with, only it knows. */
import type { Check } from '../../check.ts';
import { nodeObservation } from '../../tokens/node-cause.ts';
import { verdictsOf } from '../../tokens/verdicts.ts';

export const tokensNode: Check = {
  name: 'tokens.node',
  looksAt:
    'Whether the running node accepts each `--token`: revoked, or a secret that was changed after the start of the node.',
  needs: ['tokens', 'admin'],
  run: async (patient) => (await verdictsOf(patient)).flatMap((verdicts) => nodeObservation(verdicts) ?? []),
};
