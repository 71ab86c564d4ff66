/** What backends see of the connections of their tenant's users on this node, and what they have done with them. */
import type { Connection } from '../connection/connection.ts';
import { isLasting } from '../connection/transport.ts';
import type { ArgumentsOf } from '../control/command.ts';
import type { Node } from './node.ts';

/** Connections of one user that a node lists, and topics of all of them together: an answer has a bound. */
const MAX_LISTED = 1_000;
const MAX_TOPICS = 10_000;

interface UserConnection {
  readonly connection_id: string;
  readonly session_id: string;
  readonly transport: string;
  readonly format: string;
  readonly address: string;
  readonly connected_secs: number;
  readonly subscriptions: number;
  readonly topics: readonly string[];
}

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
  let room = MAX_TOPICS;
  const connections = all.slice(0, MAX_LISTED).map((connection) => {
    const listed = summary(connection, room);
    room -= listed.topics.length;
    return listed;
  });
  return { total: all.length, connections };
}

function openOnes(connections: readonly Connection[]): Connection[] {
  return connections.filter(({ isOpen }) => isOpen);
}

function summary(connection: Connection, room: number): UserConnection {
  const { context, subscriptions, patterns } = connection;
  const named = subscriptions.filter(({ isExplicit }) => isExplicit).map(({ topic }) => topic.clientName);
  const topics = [...named, ...(patterns ?? [])];
  return {
    connection_id: connection.id,
    session_id: connection.sessionId,
    transport: connection.over,
    format: connection.format,
    address: connection.address,
    connected_secs: context.node.beat - connection.openedBeat,
    subscriptions: topics.length,
    topics: topics.slice(0, room),
  };
}
