/** Clients that hold far more than others do: an application that subscribes or connects anew for every view, and never lets go. */
import type { Check } from '../../check.ts';
import { eachNode } from '../../each-node.ts';
import type { NodeFacts } from '../../facts.ts';
import { warn, type Observation } from '../../finding.ts';

/** Below this nobody needs to look. */
const MANY = { subscriptions: 50, connections: 10 };
/** Times what the client in the middle holds. */
const FAR_MORE = 10;

export const costClients: Check = {
  name: 'cost.clients',
  looksAt:
    'Connections with far more subscriptions than others, and users with far more connections: applications that grow because they never let go.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ costs }) => (costs === undefined ? [] : [...subscribed(costs), ...connected(costs)]),
      (nodes) => {
        const most = Math.max(...nodes.map(({ costs }) => costs?.clients?.most[0]?.subscriptions ?? 0));
        return `the connection with the most subscriptions has ${most}`;
      },
    ),
};

type Costs = NonNullable<NodeFacts['costs']>;

/** A node of an earlier version does not tell it. */
function subscribed({ clients }: Partial<Costs>): readonly Observation[] {
  const [first] = clients?.most ?? [];
  const median = clients?.median ?? 0;
  if (first === undefined || first.subscriptions < MANY.subscriptions || first.subscriptions < FAR_MORE * median)
    return [];
  return [
    warn(
      `a client of ${first.user} holds ${first.subscriptions} subscriptions on one connection, the client in the middle ${median}: an application that never unsubscribes grows with each`,
      `let it unsubscribe when a view closes; ./signalbox connections show ${first.id} lists the topics`,
    ),
  ];
}

function connected({ holders }: Partial<Costs>): readonly Observation[] {
  const [first] = holders?.most ?? [];
  const median = holders?.median ?? 0;
  if (first === undefined || first.connections < MANY.connections || first.connections < FAR_MORE * median) return [];
  return [
    warn(
      `${first.user} holds ${first.connections} connections, the user in the middle ${median}: an application that connects anew for every view and never closes grows with each`,
      `share one client in the page and close it at its end; ./signalbox connections --user ${first.user} lists them`,
    ),
  ];
}
