/**
 * What goes out to clients, counted, and both ways of it told in the log of frames: type, ids and size, never what is
 * in it. `frames=debug` in logging.level turns the lines on, also while the node runs.
 */
import { byteLength, type Payload } from '../protocol/codec.ts';
import type { Connection } from './connection.ts';

/** A frame that a client has sent, or `invalid` for what was none. @param size bytes of it */
export function noteReceived(connection: Connection, type: string, id: string | undefined, size: number): void {
  const { frameLog } = connection.context;
  if (!frameLog.isEnabled('debug')) return;
  frameLog.debug('Frame received', { connection_id: connection.id, type, frame_id: id, bytes: Math.round(size) });
}

/** A control frame that goes out, or into the control lane. @param replyTo the id of the frame that it answers */
export function noteControl(connection: Connection, type: string, replyTo: string | undefined, payload: Payload): void {
  const { counters, frameLog } = connection.context;
  counters.controlSent.add(type, connection.codec.index);
  if (!frameLog.isEnabled('debug')) return;
  frameLog.debug('Frame sent', { connection_id: connection.id, type, reply_to: replyTo, bytes: byteLength(payload) });
}

/** Publications that go out together. @param topic as the client calls it; `null` where they are of several */
export function notePublications(
  connection: Connection,
  topic: string | null,
  count: number,
  frames: Uint8Array | readonly Uint8Array[],
): void {
  const { counters, frameLog } = connection.context;
  counters.publicationsSent.add(connection.codec.index, count);
  if (!frameLog.isEnabled('debug')) return;
  const all = frames instanceof Uint8Array ? [frames] : frames;
  const bytes = all.reduce((sum, frame) => sum + frame.byteLength, 0);
  frameLog.debug('Frames sent', { connection_id: connection.id, type: 'Broadcast', topic, count, bytes });
}
