/** JSON as the load generator reads it: publications and acknowledgements at learned offsets, everything else parsed. */
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

const SEQUENCE = Buffer.from('"sequence":');
/** From the end of a topic's name to the sequence: the quote, a comma, and the name of the field. */
const AFTER_TOPIC = SEQUENCE.length + 2;
/** `{"type":"` */
const TYPE_AT = 9;
/** `{"type":"Ack","reply_to":"` */
const ACK_ID_AT = 26;
const REPLAYED_BYTES = ',"replayed":true'.length;
const [A, B, C, K, E] = [0x41, 0x42, 0x63, 0x6b, 0x65];
const [QUOTE, COMMA, BACKSLASH, DOT] = [0x22, 0x2c, 0x5c, 0x2e];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN, CLOSE] = [0x5b, 0x5d, 0x7b, 0x7d];

export class JsonFrames implements LoadFormat {
  readonly subprotocol: string;
  decoded = 0;
  private readonly options: FrameOptions;
  private readonly padding: string;
  private readonly names: string[] = [];

  constructor(options: FrameOptions) {
    this.options = options;
    this.subprotocol = `signalbox.json${options.batching ? '+batch' : ''}`;
    this.padding = 'x'.repeat(options.payloadBytes - 2 - STAMP_DIGITS);
  }

  subscribe(entries: readonly SubscribePosition[]): string {
    return JSON.stringify({ type: 'Subscribe', id: SUBSCRIBE_ID, data: { topics: entries } });
  }

  publish(topic: number, stamp: number): string {
    const name = (this.names[topic] ??= topicName(this.options.topicPrefix, topic));
    return `{"type":"Broadcast","id":"${publishId(topic, stamp)}","data":{"topic":"${name}","payload":"${stampText(stamp)}${this.padding}"}}`;
  }

  read(bytes: Buffer, start: number, end: number, sink: FrameSink): number {
    if (bytes[start] !== OPEN_ARRAY) return this.frame(bytes, start, end, sink);
    let count = 0;
    for (let at = start + 1; at < end - 1;) {
      const next = this.frameEnd(bytes, at, end - 1, sink);
      count += this.frame(bytes, at, next, sink);
      at = next + 1;
    }
    return count;
  }

  private frame(bytes: Buffer, start: number, end: number, sink: FrameSink): number {
    const kind = bytes[start + TYPE_AT];
    if (kind === B && this.publication(bytes, start, end, sink)) return 1;
    if (kind === A && isAck(bytes, start) && this.acknowledgement(bytes, start, end, sink)) return 0;
    if (kind === B || (kind === A && isAck(bytes, start))) this.decoded += 1;
    return dispatch(JSON.parse(bytes.toString('utf8', start, end)) as DecodedFrame, this.options.topicPrefix, sink);
  }

  private publication(bytes: Buffer, start: number, end: number, sink: FrameSink): boolean {
    const offset = findAfter(bytes, start, end, SEQUENCE, sink.sequenceAt);
    if (offset === -1) return false;
    const at = start + offset;
    const topicAt = at - AFTER_TOPIC - TOPIC_DIGITS;
    if (bytes[at - AFTER_TOPIC] !== QUOTE || bytes[topicAt - 1] !== DOT) return false;
    const topic = readFixed(bytes, topicAt, TOPIC_DIGITS);
    if (topic === -1) return false;
    const digitsEnd = numberEnd(bytes, at);
    const replayed = bytes[end - 3] === E;
    const payloadEnd = end - 2 - (replayed ? REPLAYED_BYTES : 0);
    if (bytes[payloadEnd - 1] !== QUOTE) return false;
    sink.sequenceAt = offset;
    sink.tail = payloadEnd + 2 - digitsEnd;
    const stamp = readStamp(bytes, payloadEnd - 1, this.options.payloadBytes - 2);
    sink.publication(topic, readFixed(bytes, at, digitsEnd - at), stamp, replayed);
    return true;
  }

  private acknowledgement(bytes: Buffer, start: number, end: number, sink: FrameSink): boolean {
    const stamp = readFixed(bytes, start + ACK_ID_AT, STAMP_DIGITS);
    const topic = readFixed(bytes, start + ACK_ID_AT + STAMP_DIGITS, TOPIC_DIGITS);
    const offset = findAfter(bytes, start, end, SEQUENCE, sink.ackSequenceAt);
    if (stamp === -1 || topic === -1 || offset === -1) return false;
    sink.ackSequenceAt = offset;
    const at = start + offset;
    sink.acknowledged(topic, readFixed(bytes, at, numberEnd(bytes, at) - at), stamp);
    return true;
  }

  /** Where the frame of a batch that begins at `start` ends: at the learned distance from its sequence, else scanned. */
  private frameEnd(bytes: Buffer, start: number, limit: number, sink: FrameSink): number {
    if (bytes[start + TYPE_AT] === B && sink.tail > 0) {
      const offset = findAfter(bytes, start, limit, SEQUENCE, sink.sequenceAt);
      const end = offset === -1 ? -1 : numberEnd(bytes, start + offset) + sink.tail;
      if (endsFrame(bytes, end, limit, QUOTE)) return end;
      if (endsFrame(bytes, end + REPLAYED_BYTES, limit, E)) return end + REPLAYED_BYTES;
    }
    if (bytes[start + TYPE_AT] === B) this.decoded += 1;
    return objectEnd(bytes, start, limit);
  }
}

function isAck(bytes: Buffer, start: number): boolean {
  return bytes[start + TYPE_AT + 1] === C && bytes[start + TYPE_AT + 2] === K;
}

/** Whether a publication frame ends at `end`, with `last` before its two braces. */
function endsFrame(bytes: Buffer, end: number, limit: number, last: number): boolean {
  return (
    end <= limit &&
    bytes[end - 1] === CLOSE &&
    bytes[end - 2] === CLOSE &&
    bytes[end - 3] === last &&
    (end === limit ? bytes[end] === CLOSE_ARRAY : bytes[end] === COMMA && bytes[end + 1] === OPEN)
  );
}

function numberEnd(bytes: Buffer, at: number): number {
  let end = at;
  while ((bytes[end] as number) >= 48 && (bytes[end] as number) <= 57) end += 1;
  return end;
}

/** The end of the JSON object that begins at `start`: counts braces outside strings. */
function objectEnd(bytes: Buffer, start: number, limit: number): number {
  let depth = 0;
  let isInString = false;
  for (let at = start; at < limit; at += 1) {
    const byte = bytes[at];
    if (isInString) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) isInString = true;
    else if (byte === OPEN) depth += 1;
    else if (byte === CLOSE) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return limit;
}
