/** How frames are written. JSON is built in; `signalbox/client/msgpack` is the other. */
import type { ServerFrame } from '../protocol/wire.ts';

/** A frame of the client. A publication's payload is JSON text already: it was written down when it was published. */
export interface OutgoingFrame {
  readonly type: string;
  readonly id?: string;
  readonly data?: unknown;
}

export interface Publish {
  readonly type: 'Broadcast' | 'DirectMessage';
  /** Also the frame's id. */
  readonly key: string;
  readonly to: string;
  /** JSON text. */
  readonly payload: string;
}

export interface ClientCodec {
  readonly subprotocol: string;
  encode(frame: OutgoingFrame): string | Uint8Array<ArrayBuffer>;
  encodePublish(publish: Publish): string | Uint8Array<ArrayBuffer>;
  /** One frame or a batch. @throws when it is neither */
  decode(data: unknown): ServerFrame | readonly ServerFrame[];
}

export const jsonCodec: ClientCodec = {
  subprotocol: 'signalbox.json+batch',
  encode: (frame) => JSON.stringify(frame),
  encodePublish: ({ type, key, to, payload }) => {
    const target = type === 'Broadcast' ? 'topic' : 'target_user';
    const id = JSON.stringify(key);
    // The payload comes first but for the target: it is text already and is not parsed to be printed again.
    return `{"type":"${type}","id":${id},"data":{"${target}":${JSON.stringify(to)},"payload":${payload},"idempotency_key":${id}}}`;
  },
  decode: (data) => JSON.parse(String(data)) as ServerFrame | ServerFrame[],
};
