import type { PingFrame } from '../../protocol/frames.ts';
import type { Connection } from '../connection.ts';

/** `Ping` → `Pong`, with the client's time given back. */
export function ping(connection: Connection, frame: PingFrame): void {
  connection.reply(frame, {
    type: 'Pong',
    data: { timestamp: frame.timestamp, server_time: connection.context.clock.now() },
  });
}
