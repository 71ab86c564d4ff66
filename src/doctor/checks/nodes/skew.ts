/** Whether the clocks of the nodes agree: tokens expire by them. */
import type { Check } from '../../check.ts';
import { factsOf, type NodeFacts } from '../../facts.ts';
import { fail, ok, warn } from '../../finding.ts';

/** Asking takes time: less is not seen from here. */
const SEEN_MS = 2_500;
const MUCH_MS = 30_000;

export const nodesSkew: Check = {
  name: 'nodes.skew',
  looksAt: 'Clocks of the nodes against Redis, or against this machine.',
  needs: ['admin'],
  run: async (patient) => {
    const { nodes } = await factsOf(patient);
    const here = patient.clock.now();
    if (nodes.length === 0) return [];
    const skews = nodes.map((node) => ({ node: node.node, ...skewOf(node, here) }));
    const wrong = skews.filter(({ ms }) => Math.abs(ms) > SEEN_MS);
    if (wrong.length === 0) return [ok(`${nodes.length} clocks agree within ${SEEN_MS / 1_000} s`)];
    return wrong.map(({ node, ms, against }) => {
      const says = `the clock of ${node} is ${Math.abs(ms / 1_000).toFixed(1)} s ${ms > 0 ? 'ahead of' : 'behind'} ${against}`;
      const cure = 'let a time service set the clock: timedatectl, chronyc tracking';
      return Math.abs(ms) > MUCH_MS
        ? fail(`${says}: tokens expire too early or too late there`, cure)
        : warn(says, cure);
    });
  },
};

function skewOf({ broker, now }: NodeFacts, here: number): { readonly ms: number; readonly against: string } {
  const ahead = broker?.deep?.clock_ahead_ms;
  if (typeof ahead === 'number') return { ms: -ahead, against: 'Redis' };
  return { ms: now === undefined ? 0 : now - here, against: 'this machine' };
}
