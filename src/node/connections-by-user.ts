/**
 * The connections of a node by their users. It is made when it is asked for the first time, and kept from then on: a
 * node of whose users nobody asks pays nothing for it.
 */
import { userKey } from '../auth/principal.ts';
import type { Connection } from '../connection/connection.ts';

export class ConnectionsByUser {
  private index: Map<string, Set<Connection>> | null = null;
  private readonly all: readonly Connection[];

  constructor(all: readonly Connection[]) {
    this.all = all;
  }

  of(tenant: string, user: string): Connection[] {
    if (this.index === null) {
      this.index = new Map();
      for (const connection of this.all) this.added(connection);
    }
    return [...(this.index.get(userKey({ tenant, user })) ?? [])];
  }

  added(connection: Connection): void {
    if (this.index === null) return;
    const key = userKey(connection.principal);
    const theirs = this.index.get(key);
    if (theirs === undefined) this.index.set(key, new Set([connection]));
    else theirs.add(connection);
  }

  removed(connection: Connection): void {
    if (this.index === null) return;
    const key = userKey(connection.principal);
    const theirs = this.index.get(key);
    theirs?.delete(connection);
    if (theirs?.size === 0) this.index.delete(key);
  }
}
