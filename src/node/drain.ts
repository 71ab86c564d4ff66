/** Empties a node without losing anything: every client is told when to come back, served to the end, then closed in its turn. */
import type { Connection } from '../connection/connection.ts';
import { statusFrame } from '../connection/replies.ts';
import { closeServed } from '../connection/serve-out.ts';
import type { Clock, Random, Scheduler } from '../telemetry/clock.ts';

export interface DrainOptions {
  /** All connections are gone after this long, the last ones by force. */
  readonly graceMs: number;
  /** Connections closed per second, unless the grace period asks for more. */
  readonly closesPerSecond: number;
}

/** Between two looks at whose moment has come. */
const STEP_MS = 50;
/** Share of the grace period over which the moments are spread, and of what a client gets beyond its own. */
export const SPREAD_SHARE = 0.6;
export const MARGIN_SHARE = 0.1;
/** Enough for a token, a handshake and a resume beside the old connection, also from far away. Clients that are done leave before. */
export const LONGEST_MARGIN_MS = 2_500;

interface DrainedNode {
  /** Everybody who is connected. */
  readonly connections: readonly Connection[];
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
}

/** Resolves when every connection is gone. */
export function drainConnections(node: DrainedNode, options: DrainOptions): Promise<void> {
  const { clock, scheduler, random } = node;
  const total = node.connections.length;
  if (total === 0) return Promise.resolve();
  const window = Math.min(options.graceMs * SPREAD_SHARE, (total / options.closesPerSecond) * 1_000);
  const margin = Math.min(options.graceMs * MARGIN_SHARE, LONGEST_MARGIN_MS);
  const start = clock.elapsed();
  // A client that was given an early moment is closed early: nobody is closed before it could have come back by itself.
  const queue = node.connections
    .map((connection) => ({ connection, at: start + margin + announce(connection, random, window) }))
    .sort((one, other) => one.at - other.at);
  const deadline = start + options.graceMs;
  return new Promise((resolve) => {
    const timer = scheduler.every(STEP_MS, () => {
      const now = clock.elapsed();
      const due = queue.findIndex(({ at }) => at > now);
      for (const { connection } of queue.splice(0, due === -1 ? queue.length : due)) closeInTurn(connection);
      if (now >= deadline) for (const connection of node.connections.slice()) connection.transport?.terminate();
      if (node.connections.length > 0) return;
      timer.cancel();
      resolve();
    });
  });
}

/** Each client gets a moment of its own, so that they do not all come back at once. @returns how far away it is */
function announce(connection: Connection, random: Random, windowMs: number): number {
  if (!connection.step('DRAIN')) return 0;
  const reconnectAfter = Math.round(random.fraction() * windowMs);
  connection.send(statusFrame('draining', { reconnect_after_ms: reconnectAfter }));
  return reconnectAfter;
}

/** Queued messages go out first, as far as the socket takes them; lagging topics are left to the client's resume. */
function closeInTurn(connection: Connection): void {
  closeServed(connection, 'draining', 'this node shuts down: connect to another one, at the positions that you have');
}
