/** Positions and the queue of one user are never used by another. */
import type { Position } from '../protocol/position.ts';
import type { ConnectedDetails } from '../protocol/wire.ts';
import { SignalboxError } from './errors.ts';

interface UserPorts {
  readonly positions: ReadonlyMap<string, Position>;
  readonly keep: (topic: string, position: Position) => void;
  readonly forget: () => Promise<void>;
  /** It is another one than on the connection before. */
  readonly changed: (error: SignalboxError) => void;
  /** The storage was another page's, before somebody else signed in here. */
  readonly inherited: (error: SignalboxError) => void;
}

/** The user is kept as the place of a topic that nobody can have, so that every storage has room for it. */
const USER = '@user';

/** @returns whether a connection may go on with what there is */
export function makeSameUser(ports: UserPorts): (greeting: ConnectedDetails) => boolean {
  let wasGreeted = false;
  return ({ user, tenant = '' }) => {
    // Servers before version 0.2 do not say it.
    if (user === undefined) return true;
    const epoch = `${tenant}/${user}`;
    const before = ports.positions.get(USER)?.epoch ?? epoch;
    const isFirst = !wasGreeted;
    wasGreeted = true;
    if (before !== epoch) {
      const error = new SignalboxError('user_changed', `expected the same user, got ${user}`);
      void ports.forget();
      if (!isFirst) {
        ports.changed(error);
        return false;
      }
      ports.inherited(error);
    }
    if (isFirst) ports.keep(USER, { epoch, sequence: 0 });
    return true;
  };
}
