/** Whether all nodes of the service were started with the same configuration. */
import type { ShownValue } from '../../../node/shown.ts';
import type { Check } from '../../check.ts';
import { factsOf, named, type NodeFacts } from '../../facts.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';

/** What belongs to one node and may differ. */
const OWN = /^(?:server\.(?:host|port|node_name|workers)|admin\.(?:host|port)|database\.folder|logging\..*)$/;
/** Where two halves do not belong together: clients are let in on one node and refused on the other. */
const SHARED = /^(?:auth|topics|redis|presence|security)\./;
const MAX_TEXT = 60;

export const nodesConfigurations: Check = {
  name: 'nodes.configurations',
  looksAt: 'Keys of the configuration whose values differ between nodes; of secrets whether they are the same.',
  needs: ['admin'],
  run: async (patient) => {
    const { nodes } = await factsOf(patient);
    const known = nodes.filter(({ configuration }) => configuration !== undefined);
    if (known.length < 2) return [];
    const keys = new Set(known.flatMap(({ configuration }) => Object.keys(configuration ?? {})));
    const differing = [...keys].filter((key) => !OWN.test(key)).flatMap((key) => differences(key, known));
    return differing.length === 0 ? [ok(`${known.length} nodes have the same configuration`)] : differing;
  },
};

function differences(key: string, nodes: readonly NodeFacts[]): readonly Observation[] {
  const byValue = new Map<string, string[]>();
  for (const { node, configuration } of nodes) {
    const text = textOf(configuration?.[key]);
    byValue.set(text, [...(byValue.get(text) ?? []), node]);
  }
  if (byValue.size < 2) return [];
  const says = `${key} differs: ${[...byValue].map(([text, names]) => `${text} on ${named(names)}`).join('; ')}`;
  const cure = `give all nodes the same ${key}, and start those that have another anew, one by one`;
  return [SHARED.test(key) ? fail(says, cure) : warn(says, cure)];
}

function textOf(shown: ShownValue | undefined): string {
  if (shown === undefined) return 'not set';
  if ('fingerprint' in shown) return `a secret (fingerprint ${shown.fingerprint})`;
  const text = JSON.stringify(shown.value);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
