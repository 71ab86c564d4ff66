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
/** Nobody's first frames of a turn are refused unread: a client of a small bucket hears of each which it was. */
export const MIN_UNREAD = 100;
/** Bytes that count as one more frame: bytes are read and unmasked before anybody can refuse them. */
const BYTES_PER_FRAME = 1_024;

/** Counts what a turn of the event loop has read of one connection. One per node: sockets are read one after the other. */
export class TurnGuard {
  /** Number of the turn in which frames were counted last. */
  turn = 0;
  private sender: Connection | null = null;
  private frames = 0;
  private weight = 0;
  private isToldOnce = false;
  private isCounting = false;
  private readonly scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  /** @returns frames that came from this sender in this turn, this one included, and what they weigh, each at least 1 */
  count(sender: Connection, bytes: number): number {
    if (!this.isCounting) {
      this.isCounting = true;
      this.scheduler.endOfTurn(this.newTurn);
    }
    if (this.sender !== sender) this.begin(sender);
    this.frames += 1;
    this.weight += 1 + Math.floor(bytes / BYTES_PER_FRAME);
    return this.weight;
  }

  /** Frames that came from this sender in this turn, the one under way included. */
  framesOf(sender: Connection): number {
    return this.sender === sender ? this.frames : 0;
  }

  /** Whether this sender was told in this turn that it sends too much. */
  isTold(sender: Connection): boolean {
    return this.sender === sender && this.isToldOnce;
  }

  /** This sender is told so now. */
  tell(sender: Connection): void {
    this.isToldOnce = this.sender === sender;
  }

  private begin(sender: Connection | null): void {
    this.sender = sender;
    this.frames = 0;
    this.weight = 0;
    this.isToldOnce = false;
  }

  private readonly newTurn = (): void => {
    this.turn += 1;
    this.begin(null);
    this.isCounting = false;
  };
}

/** Counts a frame of any kind, also those that cost no token. Returns whether it was one too many and closed the connection. */
export function hogsTurn(connection: Connection, bytes = 0): boolean {
  const { turnGuard, limits } = connection.context;
  if (!limits.limitRates) return false;
  const allowed = Math.max(FLOOD_FACTOR * limits.connectionRate.burst, MIN_FRAMES);
  if (turnGuard.count(connection, bytes) <= allowed) return false;
  connection.close('rate_limited', `more than ${allowed} frames or KiB at once`);
  return true;
}

/** Whether more frames came in this turn than a full bucket pays for: what comes now is refused, whatever it is. */
export function overruns(connection: Connection): boolean {
  const { turnGuard, limits } = connection.context;
  return turnGuard.framesOf(connection) > Math.max(limits.connectionRate.burst, MIN_UNREAD);
}
