/** One handler per frame type, and what every frame goes through before its handler. */
import type { ClientFrame } from '../../protocol/frames.ts';
import { affordable, chargeFrame, chargeFreeFrame } from '../charges.ts';
import type { Connection } from '../connection.ts';
import { acknowledge } from './acknowledge.ts';
import { authenticate } from './authenticate.ts';
import { broadcast } from './broadcast.ts';
import { extension } from './extension.ts';
import { getMissedMessages } from './get-missed-messages.ts';
import { history } from './history.ts';
import { ping } from './ping.ts';
import { presence, presenceGet } from './presence.ts';
import { subscribe } from './subscribe.ts';
import { unsubscribe } from './unsubscribe.ts';

/** Handles one frame of a client. A promise keeps further frames waiting until it settles. */
export function handle(connection: Connection, frame: ClientFrame): void | Promise<void> {
  if (!connection.isOpen) return;
  if (frame.type === 'Ack' && frame.positions.size === 0) return chargeFreeFrame(connection);
  if (isOrdered(frame)) return dispatch(connection, frame);
  const limited = chargeFrame(connection, frame.type === 'Ping' ? pingCost(connection) : affordable(connection, frame));
  if (limited !== null) return connection.refuse(frame, limited);
  return dispatch(connection, frame);
}

// A switch and not a map of functions: the compiler checks that every type has its handler with its own frame type.
function dispatch(connection: Connection, frame: ClientFrame): void | Promise<void> {
  switch (frame.type) {
    case 'Broadcast':
    case 'DirectMessage':
      return broadcast(connection, frame);
    case 'Ping':
      return ping(connection, frame);
    case 'Subscribe':
      return subscribe(connection, frame);
    case 'Unsubscribe':
      return unsubscribe(connection, frame);
    case 'GetMissedMessages':
      return getMissedMessages(connection, frame);
    case 'History':
      return history(connection, frame);
    case 'Authenticate':
      return authenticate(connection, frame);
    case 'Ack':
      return acknowledge(connection, frame);
    case 'Presence':
      return presence(connection, frame);
    case 'PresenceGet':
      return presenceGet(connection, frame);
    default:
      return extension(connection, frame);
  }
}

function isOrdered(frame: ClientFrame): boolean {
  return (frame.type === 'Subscribe' || frame.type === 'Unsubscribe') && frame.ordered !== undefined;
}

/** One `Ping` a second is free. */
function pingCost(connection: Connection): number {
  const { beat } = connection.context.node;
  if (connection.freePingBeat === beat) return 1;
  connection.freePingBeat = beat;
  return 0;
}
