/** What the load generator reads and writes: the frames of docs/protocol.md as far as it needs them. */
import { readFixed } from './learned-offset.ts';
import { STAMP_DIGITS, stampText } from './run-clock.ts';

export const TOPIC_DIGITS = 6;
/** The id of every Subscribe. */
export const SUBSCRIBE_ID = 'subscribe';
/** Of a publish: when it was meant to be sent, and for which topic; the answer brings it back. */
const ID_DIGITS = STAMP_DIGITS + TOPIC_DIGITS;

/** A frame that is not a publication and not an acknowledgement of a publish, decoded. */
export interface DecodedFrame {
  readonly type: string;
  readonly reply_to?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface SubscribePosition {
  readonly topic: string;
  readonly epoch?: string;
  readonly sequence?: number;
}

/** The receiver of what was read, with what was learned about the frames of this connection. */
export interface FrameSink {
  /** Where the sequence stood in the last publication and acknowledgement, from the frame's first byte; 0: not yet. */
  sequenceAt: number;
  ackSequenceAt: number;
  /** Bytes from the end of the sequence to the end of the frame; 0: not yet. */
  tail: number;
  /** @param sequence -1 when the topic has none. @param stamp µs of the run's clock, -1 when the payload has none */
  publication(topic: number, sequence: number, stamp: number, replayed: boolean): void;
  /** @param sequence -1 when the topic has none */
  acknowledged(topic: number, sequence: number, stamp: number): void;
  control(frame: DecodedFrame): void;
}

/** Reads what the server sends in one format and writes what it gets. */
export interface LoadFormat {
  readonly subprotocol: string;
  /** Publications and acknowledgements that had to be decoded, or scanned to find their end: a few while learning. */
  readonly decoded: number;
  subscribe(entries: readonly SubscribePosition[]): string | Uint8Array;
  publish(topic: number, stamp: number): string | Uint8Array;
  /** One WebSocket message: a frame, or a batch of frames. @returns publications in it */
  read(bytes: Buffer, start: number, end: number, sink: FrameSink): number;
}

export interface FrameOptions {
  /** Topics are called `<prefix>.<six digits>`. */
  readonly topicPrefix: string;
  /** Of the payload's JSON text. */
  readonly payloadBytes: number;
  readonly batching: boolean;
}

/** A payload is a JSON string: two quotes and the stamp are the least. */
export const MIN_PAYLOAD_BYTES = STAMP_DIGITS + 2;

export function topicName(prefix: string, topic: number): string {
  return `${prefix}.${String(topic).padStart(TOPIC_DIGITS, '0')}`;
}

/** The number of a topic by its name; -1 for any other name. */
export function topicNumber(prefix: string, name: unknown): number {
  if (typeof name !== 'string' || !name.startsWith(`${prefix}.`)) return -1;
  const digits = name.slice(prefix.length + 1);
  return /^\d{6}$/.test(digits) ? Number(digits) : -1;
}

export function publishId(topic: number, stamp: number): string {
  return stampText(stamp) + String(topic).padStart(TOPIC_DIGITS, '0');
}

/** The topic and stamp in an id; `null` when it is another kind of id. */
export function readPublishId(id: string | undefined): { topic: number; stamp: number } | null {
  if (id === undefined || id.length !== ID_DIGITS || !/^\d+$/.test(id)) return null;
  return { stamp: Number(id.slice(0, STAMP_DIGITS)), topic: Number(id.slice(STAMP_DIGITS)) };
}

/** The stamp at the head of a payload's text, which begins `length` bytes before `end`. */
export function readStamp(bytes: Buffer, end: number, length: number): number {
  return readFixed(bytes, end - length, STAMP_DIGITS);
}

/** Gives a decoded frame to whom it concerns. @returns 1 when it is a publication */
export function dispatch(frame: DecodedFrame, topicPrefix: string, sink: FrameSink): number {
  const { type, data } = frame;
  const sequence = typeof data['sequence'] === 'number' ? data['sequence'] : -1;
  if (type === 'Broadcast') {
    const { payload, topic, replayed } = data;
    const stamp = typeof payload === 'string' && /^\d{13}/.test(payload) ? Number(payload.slice(0, STAMP_DIGITS)) : -1;
    sink.publication(topicNumber(topicPrefix, topic), sequence, stamp, replayed === true);
    return 1;
  }
  const sent = type === 'Ack' ? readPublishId(frame.reply_to) : null;
  if (sent === null) sink.control(frame);
  else sink.acknowledged(sent.topic, sequence, sent.stamp);
  return 0;
}
