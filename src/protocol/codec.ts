/** What a wire format must do. JSON and MessagePack share one schema: same types, same keys. */
import type { Refusal } from './errors.ts';
import type { ClientFrame, ControlFrame } from './frames.ts';
import type { Position, Publication } from './position.ts';

/** One WebSocket message, ready to send. Text formats may stay strings: the socket encodes them. */
export type Payload = string | Uint8Array;

/** One WebSocket message as it came; of a text format also as the text that it is. */
export type Message = string | ArrayBuffer;

/** A client frame that cannot be handled, with the id to answer when there is a usable one. */
export interface RejectedFrame {
  readonly type: 'rejected';
  readonly id: string | undefined;
  readonly refusal: Refusal;
}

export type Decoded = ClientFrame | RejectedFrame;

/** The name of a wire format. */
export type Format = string;

/** What an `Ack` tells a publisher. */
export interface Acknowledgement {
  /** The id of the frame that published; without one the `Ack` names none. */
  readonly replyTo: string | undefined;
  readonly status: 'delivered' | 'duplicate' | 'queued';
  /** As the client named it; not said of direct messages. */
  readonly topic: string | undefined;
  /** The message id; not said, like the position, of what has no place in a log. */
  readonly id: string;
  readonly position: Position | null;
  readonly recipients: number;
}

/** Members of the details of a `Status` that many clients are told alike, printed once for all of them. */
export interface SharedDetails {
  readonly count: number;
  readonly payload: Payload;
}

export interface Codec {
  readonly name: Format;
  /** Its place in CODECS, by which tails, sums and counters are kept. */
  readonly index: number;
  /** Whether messages go out as binary frames. */
  readonly binary: boolean;
  /** A frame for one client. */
  encode(frame: ControlFrame): Payload;
  /** The `Ack` frame of a publish: put together by hand, because it is the most frequent answer of all. */
  acknowledgement(ack: Acknowledgement): Payload;
  /** Prints details that many clients are told, for {@link status}. */
  share(details: Readonly<Record<string, unknown>>): SharedDetails;
  /** A `Status` without `reply_to`, whose details are a client's own, at least one, and those that it shares with others. */
  status(status: string, own: Readonly<Record<string, unknown>>, shared: SharedDetails): Payload;
  /** A publication frame for everybody: it holds nothing that differs per connection. */
  publication(publication: Publication): Payload;
  /** The same publication frame with `replayed: true` and, when it answers a request, `reply_to`. */
  replayed(frame: Uint8Array, replyTo?: string): Uint8Array;
  /** `Status history`: `details` plus `messages`, an array of publication frames. */
  history(
    replyTo: string | undefined,
    details: Readonly<Record<string, unknown>>,
    messages: readonly Publication[],
  ): Payload;
  /** Several frames as one message, for clients that negotiated batching. */
  join(frames: readonly Uint8Array[]): Uint8Array;
  /**
   * Reads a client message: one frame, or the frames of a batch in order. Never throws; never keeps its bytes.
   * @param batching whether the client negotiated batches; without, an array is `malformed`.
   */
  decode(message: Message, batching: boolean): Decoded | readonly Decoded[];
  /** The id of a message that is too long to be read, where it can be had without reading it. */
  idOfLong(message: ArrayBuffer): string | undefined;
}

/** UTF-8 size of a payload in bytes. */
export function byteLength(payload: Payload): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength;
}

/** Reads a short text in two thirds of the time of a `Buffer`, which would be made first. A mark of byte order is a character like others. */
const TEXT = new TextDecoder('utf-8', { ignoreBOM: true });

/** Bytes of UTF-8 as text. */
export function textOf(bytes: ArrayBuffer): string {
  return TEXT.decode(bytes);
}

export function rejected(refusal: Refusal, id?: string): RejectedFrame {
  return { type: 'rejected', id, refusal };
}
