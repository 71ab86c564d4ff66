import { Connection } from '../connection/connection.ts';
import type { ConnectionContext } from '../connection/context.ts';
import { rightsChanged } from '../connection/recheck.ts';
import { presenceTopic, qualify } from '../protocol/topic.ts';
import { isOf, namedTopic, type RightsChange } from '../service/rights-change.ts';
import type { Node } from './node.ts';

/** Whose connections a change of rights may touch. */
export function touchedBy(
  change: RightsChange,
  node: Pick<Node, 'byUser' | 'byId' | 'connections' | 'parts'>,
): Connection[] {
  return candidates(change, node).filter(({ isOpen, principal }) => isOpen && isOf(change, principal));
}

/** A change that names a user or a topic costs what it touches, and no walk over all connections. */
function candidates(
  change: RightsChange,
  node: Pick<Node, 'byUser' | 'byId' | 'connections' | 'parts'>,
): readonly Connection[] {
  const { byUser, connections, parts } = node;
  const { user, tenant } = change;
  if (user !== undefined) return byUser.of(tenant, user);
  const topic = namedTopic(change);
  if (topic === undefined) return connections;
  const { router, pending, presence } = parts.context;
  const name = qualify(tenant, topic);
  const holders = new Set([...router.holders(name), ...router.holders(presenceTopic(name)), ...pending]);
  for (const id of presence?.presence.connectionsIn(name) ?? []) {
    const member = node.byId(id);
    if (member !== undefined) holders.add(member);
  }
  return [...holders].filter((holder) => holder instanceof Connection);
}

/** Ends what is remembered on this node and what is not allowed any more. What is remembered first: connections ask anew. */
export function changeRights(
  { authorizer }: Pick<ConnectionContext, 'authorizer'>,
  touched: readonly Connection[],
  change: RightsChange,
): void {
  authorizer.rightsChanged(change);
  for (const connection of touched) rightsChanged(connection, change);
}
