/**
 * Keeps one client from having the node to itself. The socket library goes on reading a socket for as long as the
 * kernel fills its buffer: a client that sends faster than its frames are refused would never give the turn back, and
 * neither limits that count seconds nor the others' frames would come to their right.
 */
import type { Scheduler } from '../telemetry/clock.ts';
import type { Connection } from './connection.ts';

/** This many times its burst in one turn of the event loop ends a connection. */
const FLOOD_FACTOR = 10;
/** Never fewer, so that nobody is cut off for what piled up while the server itself stalled. */
const MIN_FRAMES = 4_000;

/** Counts what a turn of the event loop has read of one connection. One per node: sockets are read one after the other. */
export class TurnGuard {
  private sender: Connection | null = null;
  private frames = 0;
  private isCounting = false;
  private readonly scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  /** @returns frames that came from this sender in this turn, this one included */
  count(sender: Connection): number {
    if (!this.isCounting) {
      this.isCounting = true;
      this.scheduler.endOfTurn(this.newTurn);
    }
    if (this.sender !== sender) {
      this.sender = sender;
      this.frames = 0;
    }
    this.frames += 1;
    return this.frames;
  }

  private readonly newTurn = (): void => {
    this.sender = null;
    this.frames = 0;
    this.isCounting = false;
  };
}

/** Counts a frame of any kind, also those that cost no token. Returns whether it was one too many and closed the connection. */
export function hogsTurn(connection: Connection): boolean {
  const { turnGuard, limits } = connection.context;
  if (!limits.limitRates) return false;
  const allowed = Math.max(FLOOD_FACTOR * limits.connectionRate.burst, MIN_FRAMES);
  if (turnGuard.count(connection) <= allowed) return false;
  connection.close('rate_limited', `more than ${allowed} frames at once`);
  return true;
}
