/** `signalbox/client/msgpack`: the second format of the protocol, for JSON values and without eval. */
import type { ServerFrame } from '../../protocol/wire.ts';
import type { ClientCodec } from '../codec.ts';
import { decode } from './decode.ts';
import { encode } from './encode.ts';

/** For `createClient({ codec: msgpack })`. */
export const msgpack: ClientCodec = {
  subprotocol: 'signalbox.msgpack+batch',
  encode,
  encodePublish: ({ type, key, to, payload }) => {
    const target = type === 'Broadcast' ? { topic: to } : { target_user: to };
    return encode({
      type,
      id: key,
      data: { ...target, payload: JSON.parse(payload) as unknown, idempotency_key: key },
    });
  },
  decode: (data) => decode(data as ArrayBuffer) as ServerFrame | ServerFrame[],
};
