/** Whether every node of the service answers the one that is asked. */
import type { Check } from '../../check.ts';
import { factsOf } from '../../facts.ts';
import { fail, ok } from '../../finding.ts';

export const nodesPresent: Check = {
  name: 'nodes.present',
  looksAt: 'Whether every live node answers the one that is asked: half a cluster shows half of everything.',
  needs: ['admin'],
  run: async (patient) => {
    const { nodes, missing } = await factsOf(patient);
    if (missing.length > 0)
      return missing.map((problem) =>
        fail(
          `not all nodes answer: ${problem}`,
          'look at that node by its own address (--url), and at Redis between them',
        ),
      );
    return nodes.length === 0 ? [] : [ok(`all ${nodes.length} nodes answer`)];
  },
};
