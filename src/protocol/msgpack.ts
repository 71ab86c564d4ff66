/** The MessagePack codec: same types and keys as JSON. Decoding is strict (msgpack-scan.ts), then left to the library. */
import { idOfLongMsgpack } from './msgpack-head.ts';
import { Packr, Unpackr } from 'msgpackr';
import { rejected, type Codec, type Decoded, type Message, type Payload, type SharedDetails } from './codec.ts';
import { refusal } from './errors.ts';
import type { ControlFrame } from './frames.ts';
import { publishes, readFrame, readMessage } from './guard.ts';
import { jsonText } from './msgpack-json.ts';
import { scan, valueOffset } from './msgpack-scan.ts';
import type { Publication } from './position.ts';
import { isDirectTopic, wireName } from './topic.ts';

// Records are msgpackr's own extension and no other library reads them; small maps get one-byte headers, which
// `replayed` relies on when it raises a count in place.
const packr = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

const REPLAYED = Buffer.concat([packr.pack('replayed'), packr.pack(true)]);
const NIL = Uint8Array.of(0xc0);
/** Smaller payloads are decoded with their frame, which takes no longer. */
const LARGE = 256;
const REPLY_TO = Buffer.from(packr.pack('reply_to'));

export const msgpack: Codec = {
  name: 'msgpack',
  index: 1,
  binary: true,

  encode(frame: ControlFrame): Payload {
    return packr.pack(defined(frame as unknown as Record<string, unknown>));
  },

  acknowledgement({ replyTo, status, topic, id, position, recipients }): Payload {
    const data: Record<string, unknown> = replyTo === undefined ? {} : { message_id: replyTo };
    data['status'] = status;
    if (topic !== undefined) data['topic'] = topic;
    if (position !== null) {
      data['id'] = id;
      data['sequence'] = position.sequence;
      data['epoch'] = position.epoch;
    }
    data['recipients'] = recipients;
    return packr.pack(replyTo === undefined ? { type: 'Ack', data } : { type: 'Ack', reply_to: replyTo, data });
  },

  share(details): SharedDetails {
    const { count, bytes } = members(details);
    return { count, payload: Buffer.from(bytes) };
  },

  status(status, own, { count, payload }: SharedDetails): Payload {
    const head = statusHead(status);
    const { count: owned, bytes } = members(own);
    const frame = Buffer.allocUnsafe(head.byteLength + 2 + bytes.byteLength + payload.length);
    frame.set(head);
    frame.writeUInt16BE(owned + count, head.byteLength);
    frame.set(bytes, head.byteLength + 2);
    frame.set(payload as Uint8Array, head.byteLength + 2 + bytes.byteLength);
    return frame;
  },

  publication(publication: Publication): Payload {
    return packr.pack(publicationValue(publication));
  },

  replayed(frame: Uint8Array, replyTo?: string): Uint8Array {
    const tail = replyTo === undefined ? REPLAYED : Buffer.concat([REPLAYED, REPLY_TO, packr.pack(replyTo)]);
    const marked = Buffer.allocUnsafe(frame.byteLength + tail.byteLength);
    marked.set(frame);
    marked.set(tail, frame.byteLength);
    const data = valueOffset(frame, 'data');
    marked[data] = (marked[data] as number) + 1;
    if (replyTo !== undefined) marked[0] = (marked[0] as number) + 1;
    return marked;
  },

  history(replyTo, details, messages): Payload {
    const data = { status: 'history', details: { ...details, messages: messages.map(publicationValue) } };
    return packr.pack(defined({ type: 'Status', reply_to: replyTo, data }));
  },

  join(frames: readonly Uint8Array[]): Uint8Array {
    let size = 5;
    for (const frame of frames) size += frame.byteLength;
    const joined = Buffer.allocUnsafe(size);
    joined[0] = 0xdd;
    joined.writeUInt32BE(frames.length, 1);
    let at = 5;
    for (const frame of frames) {
      joined.set(frame, at);
      at += frame.byteLength;
    }
    return joined;
  },

  idOfLong: idOfLongMsgpack,

  decode(message: Message, batching: boolean): Decoded | readonly Decoded[] {
    const input = typeof message === 'string' ? Buffer.from(message) : new Uint8Array(message);
    const { problem, payloadStart, payloadEnd } = scan(input);
    if (problem !== null)
      return rejected(
        refusal(
          problem.startsWith('bytes') ? 'malformed' : 'invalid_field',
          `expected a MessagePack map of JSON values, got ${problem}`,
        ),
      );
    if (payloadEnd - payloadStart < LARGE) return readWhole(input, batching);
    return readLarge(input, payloadStart, payloadEnd) ?? readWhole(input, batching);
  },
};

const MAP_16 = 0xde;
const statusHeads = new Map<string, Uint8Array>();

/** Everything in front of the count of the details, which is one of 16 bits. There are few statuses, all our own. */
function statusHead(status: string): Uint8Array {
  const known = statusHeads.get(status);
  if (known !== undefined) return known;
  const empty = packr.pack({ type: 'Status', data: { status, details: {} } });
  const head = Buffer.from(empty);
  head[head.byteLength - 1] = MAP_16;
  statusHeads.set(status, head);
  return head;
}

/** The members of a map without its header. The bytes are only valid until the next call of the library. */
function members(value: Readonly<Record<string, unknown>>): { readonly count: number; readonly bytes: Uint8Array } {
  const members = defined(value);
  const count = Object.keys(members).length;
  // Maps of up to 15 members have a header of one byte, larger ones one of three.
  return { count, bytes: packr.pack(members).subarray(count < 16 ? 1 : 3) };
}

function readWhole(input: Uint8Array, batching: boolean): Decoded | readonly Decoded[] {
  let value: unknown;
  try {
    value = unpackr.unpack(input);
  } catch {
    return rejected(refusal('malformed', 'expected MessagePack, got bytes that cannot be decoded'));
  }
  return readMessage(value, batching, JSON.stringify);
}

/** Decodes what stands around the payload, and prints that from its bytes. `null` when the payload is used otherwise. */
function readLarge(input: Uint8Array, start: number, end: number): Decoded | null {
  const around = Buffer.concat([input.subarray(0, start), NIL, input.subarray(end)]);
  const value: unknown = unpackr.unpack(around);
  if (!publishes(value)) return null;
  return readFrame(
    value,
    () => jsonText(input, start, end),
    () => null,
  );
}

/** `data` and in it `payload` are last, as in JSON, so that marks can be appended. */
function publicationValue(publication: Publication): Record<string, unknown> {
  const { topic, position, id, timestamp, trace, from, clientId } = publication;
  const direct = isDirectTopic(topic);
  const data: Record<string, unknown> = {};
  if (!direct) data['topic'] = wireName(topic);
  if (position !== null) {
    data['sequence'] = position.sequence;
    data['epoch'] = position.epoch;
  }
  data[direct ? 'from_user' : 'from'] = from;
  if (clientId !== undefined) data['client_id'] = clientId;
  data['payload'] = JSON.parse(publication.payload) as unknown;
  const frame: Record<string, unknown> = { type: direct ? 'DirectMessage' : 'Broadcast' };
  if (id !== '') frame['id'] = id;
  frame['timestamp'] = timestamp;
  if (trace !== undefined) frame['trace'] = trace;
  frame['data'] = data;
  return frame;
}

/** Without members that are undefined: JSON leaves them out by itself, MessagePack would write them. */
function defined(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}
