/** Whether connections are spread over the nodes, and whether there is room. */
import type { Check } from '../../check.ts';
import { percent } from '../../each-node.ts';
import { factsOf } from '../../facts.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';

/** Fewer are spread by chance. */
const MANY = 100;
/** Times what the others have on average. */
const OF_OTHERS = 3;
/** Times what all have on average. Two nodes never come to it. */
const OF_ALL = 2;
const NEARLY_FULL = 80;

export const nodesBalance: Check = {
  name: 'nodes.balance',
  looksAt: 'How connections are spread over the nodes, and how full each is.',
  needs: ['admin'],
  run: async (patient) => {
    const { nodes } = await factsOf(patient);
    const counts = nodes.map(({ node, connections }) => ({ node, open: 0, limit: 0, ...connections }));
    if (counts.length === 0) return [];
    const sum = counts.reduce((total, { open }) => total + open, 0);
    const found: Observation[] = counts.flatMap(({ node, open, limit }) => {
      const full = percent(open, limit);
      const says = `${node}: ${open} of ${limit} connections (websocket.max_connections)`;
      if (open >= limit && limit > 0) return [fail(`${says}: newcomers get 503 over_capacity`, 'add nodes')];
      return full >= NEARLY_FULL ? [warn(says, 'add nodes, before it is full')] : [];
    });
    const most = counts.toSorted((a, b) => b.open - a.open)[0];
    if (most !== undefined && counts.length > 1 && sum >= MANY && isUneven(most.open, sum, counts.length))
      found.push(
        warn(
          `${most.node} has ${most.open} of ${sum} connections of ${counts.length} nodes`,
          'choose the least full node at the proxy (least_conn, leastconn), or drain the fullest node once',
        ),
      );
    return found.length > 0 ? found : [ok(`${sum} connections on ${counts.length} nodes`)];
  },
};

function isUneven(most: number, sum: number, nodes: number): boolean {
  return most > (OF_ALL * sum) / nodes || most > (OF_OTHERS * (sum - most)) / (nodes - 1);
}
