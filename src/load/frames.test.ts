/** What the load generator reads at learned offsets must be what the server's own codecs wrote. */
import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Codec } from '../protocol/codec.ts';
import { json } from '../protocol/json.ts';
import { msgpack } from '../protocol/msgpack.ts';
import type { ControlFrame } from '../protocol/frames.ts';
import type { DecodedFrame, FrameSink, LoadFormat } from './frames.ts';
import { topicName } from './frames.ts';
import { JsonFrames } from './json-frames.ts';
import { findAfter } from './learned-offset.ts';
import { MsgpackFrames } from './msgpack-frames.ts';
import { stampText } from './run-clock.ts';

const OPTIONS = { topicPrefix: 'load.abc123', payloadBytes: 64, batching: true };

interface Seen {
  readonly topic: number;
  readonly sequence: number;
  readonly stamp: number;
  readonly replayed: boolean;
}

class Recorder implements FrameSink {
  sequenceAt = 0;
  ackSequenceAt = 0;
  tail = 0;
  readonly seen: Seen[] = [];
  readonly acks: Omit<Seen, 'replayed'>[] = [];
  readonly frames: DecodedFrame[] = [];

  publication(topic: number, sequence: number, stamp: number, replayed: boolean): void {
    this.seen.push({ topic, sequence, stamp, replayed });
  }

  acknowledged(topic: number, sequence: number, stamp: number): void {
    this.acks.push({ topic, sequence, stamp });
  }

  control(frame: DecodedFrame): void {
    this.frames.push(frame);
  }
}

const FORMATS = [
  { name: 'json', codec: json, create: () => new JsonFrames(OPTIONS) },
  { name: 'msgpack', codec: msgpack, create: () => new MsgpackFrames(OPTIONS) },
] as const;

function bytesOf(text: string | Uint8Array): Buffer {
  return Buffer.from(text as string);
}

/** As the server writes it. @param sequence -1: of an ephemeral topic */
function publicationOf(codec: Codec, { topic, sequence, stamp, replayed }: Seen, from = 'publisher'): Buffer {
  const name = topicName(OPTIONS.topicPrefix, topic);
  const frame = codec.publication({
    topic: name,
    position: sequence === -1 ? null : { epoch: 'bOYtHJNNyElF', sequence },
    id: sequence === -1 ? '' : `1795394964588-${sequence}-65wIYp`,
    timestamp: 1_795_394_964_588,
    from,
    clientId: '0000000000001000002',
    trace: undefined,
    payload: JSON.stringify(stampText(stamp) + 'x'.repeat(OPTIONS.payloadBytes - 15)),
  });
  return replayed ? Buffer.from(codec.replayed(bytesOf(frame))) : bytesOf(frame);
}

/** Reads a message that lies somewhere in a larger buffer, as they do. */
function read(format: LoadFormat, message: Uint8Array, sink: FrameSink): number {
  const before = Buffer.from('"sequence":77,');
  const bytes = Buffer.concat([before, message, Buffer.from('"sequence":88}}')]);
  return format.read(bytes, before.length, before.length + message.length, sink);
}

function seenOf(sequence: number, topic = 7, replayed = false): Seen {
  return { topic, sequence, stamp: 1_234_567 + sequence, replayed };
}

describe.each(FORMATS)('$name frames', ({ codec, create }) => {
  test('every publication while the sequence grows by digits, none of them decoded', () => {
    const format = create();
    const sink = new Recorder();
    const all = [1, 2, 9, 10, 11, 99, 100, 127, 128, 255, 256, 999, 1_000, 65_535, 65_536, 1e7, 2 ** 32, 2 ** 33].map(
      (sequence) => seenOf(sequence),
    );
    for (const one of all) expect(read(format, publicationOf(codec, one), sink)).toBe(1);
    expect(sink.seen).toEqual(all);
    expect(format.decoded).toBe(0);
  });

  test('digits may also become fewer, and topics alternate: the place is found again', () => {
    const format = create();
    const sink = new Recorder();
    const all = [1_000_000, 5, 123_456, 7, 8, 99_999].map((sequence, at) => seenOf(sequence, at));
    for (const one of all) read(format, publicationOf(codec, one), sink);
    expect(sink.seen).toEqual(all);
    expect(format.decoded).toBe(0);
  });

  test('replayed publications, alone and between live ones', () => {
    const format = create();
    const sink = new Recorder();
    const all = [seenOf(9, 1, true), seenOf(10), seenOf(11, 1, true), seenOf(12, 1, true)];
    for (const one of all) read(format, publicationOf(codec, one), sink);
    expect(sink.seen).toEqual(all);
    expect(format.decoded).toBe(0);
  });

  test('once the first frame is known, batches are read without decoding any, over every change of digits', () => {
    const format = create();
    const sink = new Recorder();
    read(format, publicationOf(codec, seenOf(1)), sink);
    const rest = Array.from({ length: 1_100 }, (_, at) => seenOf(at + 2, 7, at % 3 === 0));
    const frames = rest.map((one) => publicationOf(codec, one));
    expect(read(format, codec.join(frames), sink)).toBe(1_100);
    expect(sink.seen.slice(1)).toEqual(rest);
    expect(format.decoded).toBe(0);
  });

  test('batches of anything, after nothing was learned and after something was', () => {
    const arbitrary = fc.array(
      fc.record({
        sequence: fc.integer({ min: 1, max: 2 ** 40 }),
        topic: fc.integer({ min: 0, max: 999_999 }),
        replayed: fc.boolean(),
        stamp: fc.integer({ min: 0, max: 10 ** 13 - 1 }),
        from: fc.constantFrom('a', 'load-1', 'somebody with "quotes", {braces} and ümlauts'),
      }),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(arbitrary, arbitrary, (first, second) => {
        const format = create();
        const sink = new Recorder();
        for (const batch of [first, second]) {
          const frames = batch.map(({ from, ...one }) => publicationOf(codec, one, from));
          expect(read(format, codec.join(frames), sink)).toBe(batch.length);
        }
        expect(sink.seen).toEqual([...first, ...second].map(({ from: _from, ...one }) => one));
      }),
      { numRuns: 200 },
    );
  });

  test('in a batch other frames are found too, wherever they stand', () => {
    const format = create();
    const sink = new Recorder();
    const gap: ControlFrame = { type: 'Gap', data: { topic: 'load.abc123.000007', from: 3, to: 9, count: 7 } };
    const frames = [
      publicationOf(codec, seenOf(1)),
      publicationOf(codec, seenOf(2)),
      bytesOf(codec.encode(gap)),
      publicationOf(codec, seenOf(10)),
    ];
    expect(read(format, codec.join(frames), sink)).toBe(3);
    expect(sink.seen.map(({ sequence }) => sequence)).toEqual([1, 2, 10]);
    expect(sink.frames).toEqual([gap]);
  });

  test('acknowledgements of publishes, while the sequence grows', () => {
    const format = create();
    const sink = new Recorder();
    for (const sequence of [1, 10, 1_000, 70_000]) {
      const details = { message_id: 'x', status: 'delivered', topic: 'load.abc123.000042', id: `1-${sequence}-a` };
      const frame: ControlFrame = {
        type: 'Ack',
        reply_to: '0000000000055000042',
        data: { ...details, sequence, epoch: 'e', recipients: 1 },
      };
      expect(read(format, bytesOf(codec.encode(frame)), sink)).toBe(0);
    }
    expect(sink.acks).toEqual([1, 10, 1_000, 70_000].map((sequence) => ({ topic: 42, sequence, stamp: 55 })));
    expect(format.decoded).toBe(0);
  });

  test('without sequences everything is decoded and comes as -1', () => {
    const format = create();
    const sink = new Recorder();
    read(format, publicationOf(codec, seenOf(-1)), sink);
    expect(sink.seen).toEqual([seenOf(-1)]);
    expect(format.decoded).toBe(1);
  });

  test('everything else is decoded: answers, errors, and AuthStatus, which begins like an Ack', () => {
    const format = create();
    const sink = new Recorder();
    const frames: ControlFrame[] = [
      { type: 'Status', data: { status: 'connected', details: {} } },
      { type: 'AuthStatus', data: { status: 'token_expiring' } },
      { type: 'Error', reply_to: '0000000000055000042', data: { code: 429, reason: 'rate_limited' } },
    ];
    for (const frame of frames) read(format, bytesOf(codec.encode(frame)), sink);
    expect(sink.frames).toEqual(frames);
    expect([sink.seen, sink.acks]).toEqual([[], []]);
  });

  test('what it sends is what the server reads', () => {
    const format = create();
    for (const stamp of [17, 9_999_999]) {
      const sent = codec.decode(new Uint8Array(bytesOf(format.publish(4, stamp))).buffer, false);
      expect(sent).toMatchObject({ type: 'Broadcast', id: `${stampText(stamp)}000004`, topic: 'load.abc123.000004' });
      const { payload } = sent as { payload: string };
      expect(payload).toHaveLength(OPTIONS.payloadBytes);
      expect(JSON.parse(payload)).toMatch(new RegExp(`^${stampText(stamp)}x+$`));
    }
    const subscribe = format.subscribe([{ topic: 'a.b', epoch: 'e', sequence: 3 }, { topic: 'c' }]);
    expect(codec.decode(new Uint8Array(bytesOf(subscribe)).buffer, false)).toMatchObject({
      type: 'Subscribe',
      topics: [{ topic: 'a.b', position: { epoch: 'e', sequence: 3 } }, { topic: 'c' }],
    });
  });
});

describe('a learned offset', () => {
  const needle = Buffer.from('"n":');

  test('is used when it still fits, corrected by a few bytes, else searched', () => {
    const bytes = Buffer.from('....{"id":"aaaa","n":12}');
    expect(findAfter(bytes, 4, bytes.length, needle, 0)).toBe(17);
    for (const last of [17, 16, 18, 14, 20, 3, 1_000]) expect(findAfter(bytes, 4, bytes.length, needle, last)).toBe(17);
  });

  test('never finds what lies outside of the frame', () => {
    const bytes = Buffer.from('"n":1|{"m":2}|"n":3');
    expect(findAfter(bytes, 6, 13, needle, 0)).toBe(-1);
    for (let last = 0; last < 30; last += 1) expect(findAfter(bytes, 6, 13, needle, last)).toBe(-1);
  });
});
