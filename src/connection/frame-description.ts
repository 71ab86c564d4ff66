/** A frame as operators may see it: what it asked for, without what it carried. */
import { byteLength } from '../protocol/codec.ts';
import type { ClientFrame } from '../protocol/frames.ts';

export function describeFrame(frame: ClientFrame): string {
  return JSON.stringify({ ...frame, ...withheld(frame) });
}

/** Payloads are the application's and tokens open something: of both only the size is told. */
function withheld(frame: ClientFrame): Readonly<Record<string, string>> {
  if (frame.type === 'Authenticate') return { token: size(frame.token) };
  if (frame.type === 'Broadcast' || frame.type === 'DirectMessage') return { payload: size(frame.payload) };
  if (frame.type === 'Presence') return frame.data === undefined ? {} : { data: size(frame.data) };
  return 'data' in frame && frame.data !== undefined ? { data: size(JSON.stringify(frame.data)) } : {};
}

function size(text: string): string {
  return `[${byteLength(text)} bytes]`;
}
