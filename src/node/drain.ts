/** Empties a node without losing anything: every client is told when to come back, served to the end, then closed in its turn. */
import type { Connection } from '../connection/connection.ts';
import { statusFrame } from '../connection/replies.ts';
import type { Clock, Random, Scheduler } from '../telemetry/clock.ts';

export interface DrainOptions {
  /** All connections are gone after this long, the last ones by force. */
  readonly graceMs: number;
  /** Connections closed per second, unless the grace period asks for more. */
  readonly closesPerSecond: number;
}

/** Between two batches of closes. */
const STEP_MS = 50;
/** Share of the grace period in which everybody is closed; the rest is for sockets that are slow to go. */
const CLOSING_SHARE = 0.7;

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
  const window = Math.min(options.graceMs * CLOSING_SHARE, (total / options.closesPerSecond) * 1_000);
  const batch = Math.max(1, Math.ceil(total / Math.max(1, window / STEP_MS)));
  for (const connection of node.connections.slice()) announce(connection, random, window);
  const queue = [...node.connections];
  const deadline = clock.elapsed() + options.graceMs;
  return new Promise((resolve) => {
    const timer = scheduler.every(STEP_MS, () => {
      for (const connection of queue.splice(0, batch)) closeInTurn(connection);
      if (clock.elapsed() >= deadline)
        for (const connection of node.connections.slice()) connection.transport?.terminate();
      if (node.connections.length > 0) return;
      timer.cancel();
      resolve();
    });
  });
}

/** Each client gets a moment of its own, so that they do not all come back at once. */
function announce(connection: Connection, random: Random, windowMs: number): void {
  if (!connection.step('DRAIN')) return;
  const reconnectAfter = Math.round(random.fraction() * Math.max(windowMs, 1_000));
  connection.send(statusFrame('draining', { reconnect_after_ms: reconnectAfter }));
}

/** Queued messages go out first, as far as the socket takes them; lagging topics are left to the client's resume. */
function closeInTurn(connection: Connection): void {
  connection.context.flusher.flush(connection);
  connection.close('draining', 'this node shuts down: reconnect after reconnect_after_ms');
}
