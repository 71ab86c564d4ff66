import type { Connection } from '../connection/connection.ts';
import type { ConnectionContext } from '../connection/context.ts';
import { rightsChanged } from '../connection/recheck.ts';
import { isOf, type RightsChange } from '../service/rights-change.ts';

/** Whose connections a change of rights may touch. */
export function touchedBy(change: RightsChange, connections: readonly Connection[]): Connection[] {
  return connections.filter(({ isOpen, principal }) => isOpen && isOf(change, principal));
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
