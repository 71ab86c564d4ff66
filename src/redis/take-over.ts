/** Reads a connection in place of the client library that has opened it. */
import type { Socket } from 'node:net';

/**
 * To be called when the connection is ready, before anything is asked or subscribed on it.
 * @param received told all that comes from now on
 * @returns what gives bytes to the library all the same; `null` when the library waits for something, and goes on reading itself
 */
export function takeOver(stream: Socket, received: (bytes: Buffer) => void): ((bytes: Buffer) => void) | null {
  // While the library has a command under way, a second listener watches for its time-out.
  const [reader, ...others] = stream.listeners('data') as ((bytes: Buffer) => void)[];
  if (reader === undefined || others.length > 0) return null;
  stream.on('data', received);
  stream.off('data', reader);
  return (bytes) => reader.call(stream, bytes);
}
