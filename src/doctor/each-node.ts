/** For checks that look at one node after the other. */
import { factsOf, named, type NodeFacts } from './facts.ts';
import { ok, type Observation } from './finding.ts';
import type { Patient } from './patient.ts';

/**
 * What is wrong with any node, or one line for all of them.
 * @param look what is wrong with one; the name of the node stands before it
 * @param good what is said when nothing is; `null`: nothing
 */
export async function eachNode(
  patient: Patient,
  look: (node: NodeFacts) => readonly Observation[],
  good: (nodes: readonly NodeFacts[]) => string | null,
): Promise<readonly Observation[]> {
  const { nodes } = await factsOf(patient);
  const wrong = nodes.flatMap((node) => look(node).map((found) => ({ ...found, says: `${node.node}: ${found.says}` })));
  if (wrong.length > 0 || nodes.length === 0) return wrong;
  const says = good(nodes);
  return says === null ? [] : [ok(`${named(nodes.map(({ node }) => node))}: ${says}`)];
}

export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`;
}

export function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 100);
}
