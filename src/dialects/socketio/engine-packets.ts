/** Packets of Engine.IO 4 (https://github.com/socketio/engine.io-protocol): read by its own parser, once they have been counted. */
import { decodePacket, decodePayload, type Packet } from 'engine.io-parser';

export const PING = '2';
export const PROBE_ANSWER = '3probe';
export const CLOSE = '1';
export const NOOP = '6';
/** What begins a packet with a message. */
export const MESSAGE = '4';

const SEPARATOR = '\u001e';
const SEPARATOR_BYTES = Buffer.from(SEPARATOR);
/** Packets in one body: a client sends at most what it has emitted between two requests. */
const MAX_PACKETS = 1_024;

export interface OpenPacket {
  readonly sid: string;
  readonly upgrades: readonly string[];
  readonly pingInterval: number;
  readonly pingTimeout: number;
  readonly maxPayload: number;
}

export function openPacket(open: OpenPacket): string {
  return `0${JSON.stringify(open)}`;
}

/** The packet of a WebSocket message. */
export function readPacket(text: string): Packet {
  return decodePacket(text);
}

/** The packets of a body, or `null` when there are more than a client may send at once. */
export function readBody(body: string): readonly Packet[] | null {
  let count = 1;
  for (let at = body.indexOf(SEPARATOR); at !== -1; at = body.indexOf(SEPARATOR, at + 1)) {
    count += 1;
    if (count > MAX_PACKETS) return null;
  }
  return decodePayload(body);
}

/** Packets as the answer to a poll. */
export function joinPackets(packets: readonly (string | Uint8Array)[]): string | Uint8Array {
  const [only] = packets;
  if (packets.length === 1 && only !== undefined) return only;
  return Buffer.concat(
    packets.flatMap((packet, at) => {
      const bytes = typeof packet === 'string' ? Buffer.from(packet) : packet;
      return at === 0 ? [bytes] : [SEPARATOR_BYTES, bytes];
    }),
  );
}
