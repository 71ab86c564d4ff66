/**
 * When a ping was sent, in the microseconds of a clock that goes round every 18 minutes: a ping is answered sooner, and a number
 * this small costs a connection no object of its own.
 */
import type { Connection } from './connection.ts';

export const NOT_PINGED = -1;
const ROUND = 2 ** 30 - 1;

export function noteSentPing(connection: Connection): void {
  connection.pingedAt = microsNow(connection);
}

/** How long the answer to the ping under way has taken, in microseconds; `null` when there is none. */
export function roundTripOf(connection: Connection): number | null {
  const { pingedAt } = connection;
  if (pingedAt === NOT_PINGED) return null;
  connection.pingedAt = NOT_PINGED;
  return (microsNow(connection) - pingedAt) & ROUND;
}

function microsNow({ context }: Connection): number {
  return (context.clock.elapsed() * 1_000) & ROUND;
}
