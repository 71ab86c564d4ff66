/** Says what was examined when nobody said which node: the one that answers where the configuration says, or none. */
import type { Check } from '../../check.ts';
import { ok, warn } from '../../finding.ts';

export const nodesFound: Check = {
  name: 'nodes.found',
  looksAt: 'Without `--url` and ADMIN_URL: whether a node answers where the configuration says that one listens.',
  needs: [],
  run: ({ found }) => {
    if (found === undefined) return [];
    const { address, state } = found;
    if (state === 'asked') return [ok(`a node answers at ${address}, where the configuration says`)];
    if (state === 'no_token')
      return [
        warn(
          `something answers at ${address}, and there is no admin token to ask it with: this machine and the configuration are examined alone`,
          'set ADMIN_TOKEN, or give --admin-token',
        ),
      ];
    const where = address === '' ? 'the configuration does not say where a node is' : `no node answers at ${address}`;
    return [ok(`${where}: this machine and the configuration are examined alone`)];
  },
};
