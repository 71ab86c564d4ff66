/** What backends see of the connections of their tenant's users on this node, and what they have done with them. */
import type { Connection } from '../connection/connection.ts';
import { isLasting } from '../connection/transport.ts';
import type { ArgumentsOf } from '../control/command.ts';
import type { Node } from './node.ts';

/** Connections of one user that a node lists, and topics of each. */
const MAX_LISTED = 1_000;

/** Of the tenant: who names another's connection finds nothing. */
export function connectionsMeant(
  node: Node,
  { tenant, user, session_id: session, connection_id: id }: ArgumentsOf<'close_connections'>,
): Connection[] {
  if (user !== undefined) return openOnes(node.byUser.of(tenant, user));
  const found = session === undefined ? node.byId(id ?? '') : node.bySession(session);
  return found === undefined ? [] : openOnes([found]).filter(({ principal }) => principal.tenant === tenant);
}

/** Those that stay for longer than one answer. */
export function lastingConnections(node: Node, tenant: string, user: string): Connection[] {
  return openOnes(node.byUser.of(tenant, user)).filter(({ over }) => isLasting(over));
}

/** The connections of a user, as its backends may see them. */
export function listUserConnections(node: Node, tenant: string, user: string): Record<string, unknown> {
  const all = openOnes(node.byUser.of(tenant, user));
  return { total: all.length, connections: all.slice(0, MAX_LISTED).map(summary) };
}

function openOnes(connections: readonly Connection[]): Connection[] {
  return connections.filter(({ isOpen }) => isOpen);
}

function summary(connection: Connection): Record<string, unknown> {
  const { context, subscriptions, patterns } = connection;
  const named = subscriptions.filter(({ isExplicit }) => isExplicit).map(({ topic }) => topic.clientName);
  return {
    connection_id: connection.id,
    session_id: connection.sessionId,
    transport: connection.over,
    format: connection.format,
    address: connection.address,
    connected_secs: context.node.beat - connection.openedBeat,
    topics: [...named, ...(patterns ?? [])].slice(0, MAX_LISTED),
  };
}
