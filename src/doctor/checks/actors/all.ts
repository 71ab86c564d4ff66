/** What fails again and again. */
import type { Check } from '../../check.ts';
import { eachNode } from '../../each-node.ts';
import { fail, warn, type Observation } from '../../finding.ts';

const actorsFailures: Check = {
  name: 'actors.failures',
  looksAt: 'Restarts of actors, and dead letters by kind: what message, which error, where in the code.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ actors }): readonly Observation[] => {
        if (actors === undefined) return [];
        const cure = 'GET /admin/dead-letters has the errors with their stacks; mend what throws';
        const kinds = actors.kinds.map(({ actor, message, error, count }) =>
          warn(`${count} times ${error} in ${actor}${message === '' ? '' : ` at ${message}`}`, cure),
        );
        const { stopped, restarts } = actors;
        if (stopped > 0)
          return [
            fail(`${stopped} actors were stopped because they failed too often, after ${restarts} restarts`, cure),
            ...kinds,
          ];
        return kinds;
      },
      () => 'nothing failed since the start',
    ),
};

export const ACTOR_CHECKS: readonly Check[] = [actorsFailures];
