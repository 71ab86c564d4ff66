/** Positions and the queue of one user are never used by another. */
import type { Position } from '../protocol/position.ts';
import type { ConnectedDetails } from '../protocol/wire.ts';
import { SignalboxError } from './errors.ts';

/** The user is kept as the place of a topic that nobody can have, so that every storage has room for it. */
const USER = '@user';

/**
 * @param forget forgets what there is of the one before
 * @param changed told when it is another one than on the connection before
 * @param inherited told when the storage was another page's, before somebody else signed in here
 * @returns whether a connection may go on with what there is
 */
export function makeSameUser(
  positions: ReadonlyMap<string, Position>,
  keep: (topic: string, position: Position) => void,
  forget: () => Promise<void>,
  changed: (error: SignalboxError) => void,
  inherited: (error: SignalboxError) => void,
): (greeting: ConnectedDetails) => boolean {
  let wasGreeted = false;
  return ({ user, tenant = '' }) => {
    // Servers before version 0.2 do not say it.
    if (user === undefined) return true;
    const epoch = `${tenant}/${user}`;
    const before = positions.get(USER)?.epoch ?? epoch;
    const isFirst = !wasGreeted;
    wasGreeted = true;
    if (before !== epoch) {
      const error = new SignalboxError('user_changed', `expected the same user, got ${user}`);
      void forget();
      if (!isFirst) {
        changed(error);
        return false;
      }
      inherited(error);
    }
    if (isFirst) keep(USER, { epoch, sequence: 0 });
    return true;
  };
}
