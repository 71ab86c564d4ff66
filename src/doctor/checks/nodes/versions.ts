/** Whether all nodes run the same versions. */
import type { Check } from '../../check.ts';
import { factsOf, named } from '../../facts.ts';
import { ok, warn } from '../../finding.ts';

export const nodesVersions: Check = {
  name: 'nodes.versions',
  looksAt: 'The versions of server, Node.js, socket library and glibc on every node.',
  needs: ['admin'],
  run: async (patient) => {
    const { nodes } = await factsOf(patient);
    if (nodes.length === 0) return [];
    const parts = [...new Set(nodes.flatMap(({ versions }) => Object.keys(versions ?? {})))];
    const differing = parts.flatMap((part) => {
      const byVersion = Map.groupBy(nodes, ({ versions }) => versions?.[part] ?? 'unknown');
      if (byVersion.size < 2) return [];
      const texts = [...byVersion].map(([version, those]) => `${version} on ${named(those.map(({ node }) => node))}`);
      return [
        warn(`${part} differs: ${texts.join('; ')}`, 'finish the update that is under way, or take back what it began'),
      ];
    });
    const [first] = nodes;
    if (differing.length > 0 || first === undefined) return differing;
    const { signalbox = '?', node = '?' } = first.versions ?? {};
    return [ok(`${nodes.length} nodes run signalbox ${signalbox} on Node.js ${node}`)];
  },
};
