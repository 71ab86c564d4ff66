/** Modes of nodes that are not their everyday work. */
import type { Check } from '../../check.ts';
import { eachNode } from '../../each-node.ts';
import type { NodeFacts } from '../../facts.ts';
import { warn, type Observation } from '../../finding.ts';

export const nodesModes: Check = {
  name: 'nodes.modes',
  looksAt: 'Whether a node is read-only, drains, takes nobody new, or still waits for earlier orders.',
  needs: ['admin'],
  run: (patient) => eachNode(patient, modeOf, () => 'running, and taking clients'),
};

function modeOf({ mode, admitting, awaits_orders: awaits }: NodeFacts): readonly Observation[] {
  if (mode === 'read_only')
    return [warn('read-only: everything that publishes is refused', './signalbox emergency normal')];
  if (mode !== undefined && mode !== 'running')
    return [warn(`its mode is ${mode}: clients go to the other nodes`, 'wait for its end, or start it anew')];
  if (awaits === true)
    return [
      warn('takes nobody before it has read earlier orders from Redis', 'mend Redis (./signalbox doctor --only redis)'),
    ];
  if (admitting === false) return [warn('takes no new connections', './signalbox emergency enable-new')];
  return [];
}
