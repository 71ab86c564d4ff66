/** MessagePack as the load generator reads it: the counterpart of json-frames.ts. */
import { Packr, Unpackr } from 'msgpackr';
import { findAfter, readFixed } from './learned-offset.ts';
import {
  dispatch,
  publishId,
  readStamp,
  SUBSCRIBE_ID,
  TOPIC_DIGITS,
  topicName,
  type DecodedFrame,
  type FrameOptions,
  type FrameSink,
  type LoadFormat,
  type SubscribePosition,
} from './frames.ts';
import { STAMP_DIGITS, stampText } from './run-clock.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

const SEQUENCE = Buffer.from(packr.pack('sequence'));
const REPLAYED = Buffer.concat([packr.pack('replayed'), packr.pack(true)]);
/** A map's header, the key `type`, and the header of its value. */
const TYPE_AT = 7;
/** After the type: `Ack`, the key `reply_to`, the header of the id. */
const ACK_ID_AT = TYPE_AT + 3 + 9 + 1;
const [A, B, C, K] = [0x41, 0x42, 0x63, 0x6b];
const [DOT, T] = [0x2e, 0x74];

export class MsgpackFrames implements LoadFormat {
  readonly subprotocol: string;
  decoded = 0;
  private readonly options: FrameOptions;
  /** One publish, in which the digits are exchanged. */
  private readonly template: Buffer;
  private readonly idAt: number;
  private readonly topicAt: number;
  private readonly stampAt: number;

  constructor(options: FrameOptions) {
    this.options = options;
    this.subprotocol = `signalbox.msgpack${options.batching ? '+batch' : ''}`;
    const topic = topicName(options.topicPrefix, 0);
    const payload = stampText(0) + 'x'.repeat(options.payloadBytes - 2 - STAMP_DIGITS);
    this.template = Buffer.from(packr.pack({ type: 'Broadcast', id: publishId(0, 0), data: { topic, payload } }));
    this.idAt = this.template.indexOf(publishId(0, 0));
    this.topicAt = this.template.indexOf(topic) + topic.length - TOPIC_DIGITS;
    this.stampAt = this.template.length - payload.length;
  }

  subscribe(entries: readonly SubscribePosition[]): Uint8Array {
    return packr.pack({ type: 'Subscribe', id: SUBSCRIBE_ID, data: { topics: entries } });
  }

  /** The same buffer each time: it must be sent before the next one is made. */
  publish(topic: number, stamp: number): Uint8Array {
    const id = publishId(topic, stamp);
    this.template.write(id, this.idAt, 'latin1');
    this.template.write(id.slice(STAMP_DIGITS), this.topicAt, 'latin1');
    this.template.write(id.slice(0, STAMP_DIGITS), this.stampAt, 'latin1');
    return this.template;
  }

  read(bytes: Buffer, start: number, end: number, sink: FrameSink): number {
    const header = bytes[start] as number;
    if (header < 0x90 || header > 0xdd || (header > 0x9f && header < 0xdc)) return this.frame(bytes, start, end, sink);
    let count = 0;
    for (let at = start + (header === 0xdd ? 5 : header === 0xdc ? 3 : 1); at < end;) {
      const next = this.frameEnd(bytes, at, end, sink);
      if (next === -1) return count + this.decodeAll(bytes, at, end, sink);
      count += this.frame(bytes, at, next, sink);
      at = next;
    }
    return count;
  }

  private frame(bytes: Buffer, start: number, end: number, sink: FrameSink): number {
    const kind = bytes[start + TYPE_AT];
    if (kind === B && this.publication(bytes, start, end, sink)) return 1;
    if (kind === A && isAck(bytes, start) && this.acknowledgement(bytes, start, end, sink)) return 0;
    if (kind === B || (kind === A && isAck(bytes, start))) this.decoded += 1;
    return dispatch(unpackr.unpack(bytes.subarray(start, end)) as DecodedFrame, this.options.topicPrefix, sink);
  }

  private publication(bytes: Buffer, start: number, end: number, sink: FrameSink): boolean {
    const offset = findAfter(bytes, start, end, SEQUENCE, sink.sequenceAt);
    if (offset === -1) return false;
    const at = start + offset;
    const topicAt = at - SEQUENCE.length - TOPIC_DIGITS;
    const topic = bytes[topicAt - 1] === DOT ? readFixed(bytes, topicAt, TOPIC_DIGITS) : -1;
    const sequence = readInteger(bytes, at);
    if (topic === -1 || sequence === -1) return false;
    const replayed = endsWithReplayed(bytes, end);
    const payloadEnd = replayed ? end - REPLAYED.length : end;
    sink.sequenceAt = offset;
    sink.tail = payloadEnd - at - integerBytes(bytes[at] as number);
    const stamp = readStamp(bytes, payloadEnd, this.options.payloadBytes - 2);
    sink.publication(topic, sequence, stamp, replayed);
    return true;
  }

  private acknowledgement(bytes: Buffer, start: number, end: number, sink: FrameSink): boolean {
    const stamp = readFixed(bytes, start + ACK_ID_AT, STAMP_DIGITS);
    const topic = readFixed(bytes, start + ACK_ID_AT + STAMP_DIGITS, TOPIC_DIGITS);
    const offset = findAfter(bytes, start, end, SEQUENCE, sink.ackSequenceAt);
    const sequence = offset === -1 ? -1 : readInteger(bytes, start + offset);
    if (stamp === -1 || topic === -1 || sequence === -1) return false;
    sink.ackSequenceAt = offset;
    sink.acknowledged(topic, sequence, stamp);
    return true;
  }

  /** Where the frame of a batch ends, by the learned distance from its sequence; -1 when that does not fit. */
  private frameEnd(bytes: Buffer, start: number, limit: number, sink: FrameSink): number {
    if (bytes[start + TYPE_AT] !== B || sink.tail === 0) return -1;
    const offset = findAfter(bytes, start, limit, SEQUENCE, sink.sequenceAt);
    if (offset === -1) return -1;
    const at = start + offset;
    const end = at + integerBytes(bytes[at] as number) + sink.tail;
    if (beginsFrame(bytes, end, limit)) return end;
    const replayedEnd = end + REPLAYED.length;
    return endsWithReplayed(bytes, replayedEnd) && beginsFrame(bytes, replayedEnd, limit) ? replayedEnd : -1;
  }

  /** The rest of a batch, decoded to learn where frames end; from the next one on that is known. */
  private decodeAll(bytes: Buffer, start: number, end: number, sink: FrameSink): number {
    const ends: number[] = [];
    unpackr.unpackMultiple(bytes.subarray(start, end), (_value: unknown, _from?: number, to?: number) => {
      ends.push(start + (to ?? end - start));
    });
    this.decoded += ends.length;
    return ends.reduce((count, to, at) => count + this.frame(bytes, ends[at - 1] ?? start, to, sink), 0);
  }
}

function isAck(bytes: Buffer, start: number): boolean {
  return bytes[start + TYPE_AT + 1] === C && bytes[start + TYPE_AT + 2] === K;
}

function endsWithReplayed(bytes: Buffer, end: number): boolean {
  return (
    bytes[end - 1] === REPLAYED[REPLAYED.length - 1] &&
    bytes.compare(REPLAYED, 0, REPLAYED.length, end - REPLAYED.length, end) === 0
  );
}

/** Whether the batch ends here, or another map that begins with a four-letter key. */
function beginsFrame(bytes: Buffer, at: number, limit: number): boolean {
  if (at === limit) return true;
  return at < limit && ((bytes[at] as number) & 0xf0) === 0x80 && bytes[at + 1] === 0xa4 && bytes[at + 2] === T;
}

/** Bytes of an integer by its first one. */
function integerBytes(tag: number): number {
  if (tag <= 0x7f) return 1;
  return tag === 0xcc ? 2 : tag === 0xcd ? 3 : tag === 0xce ? 5 : 9;
}

/** A number that is not negative, or -1. */
function readInteger(bytes: Buffer, at: number): number {
  const tag = bytes[at] as number;
  if (tag <= 0x7f) return tag;
  switch (tag) {
    case 0xcc:
      return bytes[at + 1] as number;
    case 0xcd:
      return bytes.readUInt16BE(at + 1);
    case 0xce:
      return bytes.readUInt32BE(at + 1);
    case 0xcf:
      return Number(bytes.readBigUInt64BE(at + 1));
    case 0xcb:
      return bytes.readDoubleBE(at + 1);
    default:
      return -1;
  }
}
