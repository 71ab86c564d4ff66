import { pack } from 'msgpackr';
import { bench, do_not_optimize, group } from 'mitata';
import type { Codec } from '../../src/protocol/codec.ts';
import type { ControlFrame } from '../../src/protocol/frames.ts';
import { json } from '../../src/protocol/json.ts';
import { msgpack } from '../../src/protocol/msgpack.ts';
import { publication } from './publication.ts';

const frame = { type: 'Broadcast', id: 'p', data: { topic: 'bench.0', payload: 'x'.repeat(126) } };
const ack: ControlFrame = {
  type: 'Ack',
  reply_to: 'p',
  data: {
    message_id: 'p',
    status: 'delivered',
    topic: 'bench.0',
    id: publication.id,
    sequence: 123_456,
    epoch: 'abcdefghijkl',
    recipients: 1,
  },
};

codec(json, Buffer.from(JSON.stringify(frame)));
codec(msgpack, pack(frame));

function codec(each: Codec, message: Buffer): void {
  group(`codec, ${each.name}`, () => {
    const bytes = new Uint8Array(message).buffer;
    const encoded = each.publication(publication);
    const stored = typeof encoded === 'string' ? Buffer.from(encoded) : encoded;
    const page = Array.from({ length: 64 }, () => stored);
    bench('decode a Broadcast', () => do_not_optimize(each.decode(bytes, false)));
    bench('encode a publication', () => do_not_optimize(each.publication(publication)));
    bench('encode an Ack', () => do_not_optimize(each.encode(ack)));
    bench('mark a publication as replayed', () => do_not_optimize(each.replayed(stored)));
    bench('join 64 publications', () => do_not_optimize(each.join(page)));
  });
}
