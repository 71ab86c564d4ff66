/** Whom rates refuse. */
import type { Check } from '../../check.ts';
import { eachNode } from '../../each-node.ts';
import { warn, type Observation } from '../../finding.ts';

const limitsRefused: Check = {
  name: 'limits.refused',
  looksAt: 'What rates refused since the start, by scope, and which users most often.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ limits }): readonly Observation[] => {
        const refused = Object.entries(limits?.refused ?? {});
        if (refused.length === 0) return [];
        const scopes = refused.map(([scope, count]) => `${count} by the rate of the ${scope}`).join(', ');
        const users = (limits?.limited ?? []).slice(0, 3).map(({ user, refused: count }) => `${user} (${count})`);
        const who = users.length === 0 ? 'nobody who is still known' : `most often of ${users.join(', ')}`;
        return [
          warn(
            `frames or requests were refused: ${scopes}; ${who}`,
            'let these clients send less, or raise rate_limiting.connection_rps, user_rps, global_rps',
          ),
        ];
      },
      () => 'rates refused nobody since the start',
    ),
};

export const LIMIT_CHECKS: readonly Check[] = [limitsRefused];
