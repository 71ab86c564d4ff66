/** Tells all connections something, in slices: ten thousand control frames at once would block the loop for 100 ms. */
import type { Connection } from '../connection/connection.ts';
import type { ControlFrame } from '../protocol/frames.ts';
import type { Scheduler } from '../telemetry/clock.ts';

const SLICE = 250;

export function announce(connections: readonly Connection[], frame: ControlFrame, scheduler: Scheduler): void {
  const queue = connections.slice();
  const step = (): void => {
    for (const connection of queue.splice(0, SLICE)) if (connection.isOpen) connection.send(frame);
    if (queue.length > 0) scheduler.endOfTurn(step);
  };
  step();
}
