/**
 * Topics and patterns that a backend has subscribed a client to. The client's own token need not allow them, so a new token
 * does not end them; a change of rights does, when the user may not have them.
 */
import type { Connection } from './connection.ts';

/** Beside the connections: nearly none of them has any. */
const granted = new WeakMap<Connection, Set<string>>();

export function grant(connection: Connection, names: readonly string[]): void {
  if (names.length === 0) return;
  const known = granted.get(connection);
  if (known === undefined) granted.set(connection, new Set(names));
  else for (const name of names) known.add(name);
}

export function isGranted(connection: Connection, name: string): boolean {
  return granted.get(connection)?.has(name) === true;
}

/** The subscription has ended: the next one of this name is the client's own. */
export function ungrant(connection: Connection, name: string): void {
  granted.get(connection)?.delete(name);
}
