/** What holds for every wire format. The special cases of one stand in json.test.ts and msgpack.test.ts. */
import * as fc from 'fast-check';
import { Packr, Unpackr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { characters } from '../../test/kit/characters.ts';
import { clientFrames, jsonValues, topicNames } from '../../test/kit/client-frames.ts';
import { publications } from '../../test/kit/publications.ts';
import { byteLength, type Codec, type Decoded, type Payload } from './codec.ts';
import { codecNamed, codecOfKind, CODECS, SUBPROTOCOLS } from './codecs.ts';
import type { ControlFrame } from './frames.ts';
import { json } from './json.ts';
import { msgpack } from './msgpack.ts';
import { scanProblem } from './msgpack-scan.ts';

/** The other end of the wire. */
interface Client {
  readonly codec: Codec;
  readonly write: (value: unknown) => ArrayBuffer;
  readonly read: (payload: Payload) => unknown;
}

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

const clients: readonly (readonly [string, Client])[] = [
  [
    'json',
    {
      codec: json,
      write: (value) => copyOf(Buffer.from(JSON.stringify(value))),
      read: (payload) => JSON.parse(textOf(payload)) as unknown,
    },
  ],
  [
    'msgpack',
    {
      codec: msgpack,
      write: (value) => copyOf(packr.pack(value)),
      read: (payload) => {
        const bytes = bytesOf(payload);
        // Stricter than the library: what goes out is what we would take.
        expect(scanProblem(bytes)).toBeNull();
        return unpackr.unpack(bytes) as unknown;
      },
    },
  ],
];

function bytesOf(payload: Payload): Uint8Array {
  return typeof payload === 'string' ? Buffer.from(payload) : payload;
}

function textOf(payload: Payload): string {
  return typeof payload === 'string' ? payload : Buffer.from(payload).toString();
}

function copyOf(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

test('a codec says its own name, and only text formats go out as text', () => {
  expect([json.name, msgpack.name]).toEqual(['json', 'msgpack']);
  expect([json.binary, msgpack.binary]).toEqual([false, true]);
});

test('the index of a format is its place in the table, and each kind of message has a format', () => {
  expect(CODECS.map(({ index }) => index)).toEqual([...CODECS.keys()]);
  expect(new Set(CODECS.map(({ name }) => name)).size).toBe(CODECS.length);
  for (const codec of CODECS) expect(codecNamed(codec.name)).toBe(codec);
  expect([true, false].map((binary) => codecOfKind(binary).binary)).toEqual([true, false]);
});

test('every subprotocol names a format, with and without batches', () => {
  const all = [...SUBPROTOCOLS].map(([name, { codec, batching }]) => [
    name,
    `signalbox.${codec.name}${batching ? '+batch' : ''}`,
  ]);
  expect(all).toHaveLength(4);
  for (const [name, expected] of all) expect(name).toBe(expected);
});

test('the size of a payload is counted in UTF-8', () => {
  expect(byteLength('aé€😀')).toBe(1 + 2 + 3 + 4);
  expect(byteLength(new Uint8Array(7))).toBe(7);
});

describe.each(clients)('%s to the server', (_name, { codec, write }) => {
  function decode(value: unknown, batching = false): Decoded | readonly Decoded[] {
    return codec.decode(write(value), batching);
  }

  test('every frame is read as what it says', () => {
    fc.assert(
      fc.property(clientFrames, fc.boolean(), ({ wire, frame }, batching) => {
        expect(decode(wire, batching)).toEqual(frame);
      }),
      { numRuns: 500 },
    );
  });

  test('a batch is read frame by frame, in order', () => {
    fc.assert(
      fc.property(fc.array(clientFrames, { minLength: 1, maxLength: 5 }), (examples) => {
        const batch = examples.map(({ wire }) => wire);
        expect(decode(batch, true)).toEqual(examples.map(({ frame }) => frame));
      }),
    );
  });

  const pings = (count: number): unknown[] =>
    Array.from({ length: count }, (_, at) => ({ type: 'Ping', id: `c-${at}`, data: { timestamp: at } }));

  test.each([1, 2, 100])('a batch of %i frames is taken', (count) => {
    const frames = decode(pings(count), true) as readonly Decoded[];
    expect(frames.map(({ type, id }) => [type, id])).toEqual(pings(count).map((_, at) => ['Ping', `c-${at}`]));
  });

  test.each([0, 101, 1_000])('a batch of %i frames is malformed as a whole', (count) => {
    expect(decode(pings(count), true)).toMatchObject({ type: 'rejected', refusal: { reason: 'malformed' } });
  });

  test.each([0, 1, 100])('without negotiation an array of %i frames is malformed', (count) => {
    const rejected = { type: 'rejected', id: undefined, refusal: { reason: 'malformed' } };
    expect(decode(pings(count))).toMatchObject(rejected);
  });

  test('a refused frame of a batch takes no other along, and an array in an array is one', () => {
    const [first, last] = pings(2);
    const batch = [first, { type: 'Nope', id: 'n' }, [first], 5, { type: 'Ping', id: 7 }, last];
    const frames = decode(batch, true) as readonly Decoded[];
    const outcomes = frames.map((frame) => [frame.id, frame.type === 'rejected' ? frame.refusal.reason : frame.type]);
    expect(outcomes).toEqual([
      ['c-0', 'Ping'],
      ['n', 'unknown_type'],
      [undefined, 'malformed'],
      [undefined, 'malformed'],
      [undefined, 'invalid_field'],
      ['c-1', 'Ping'],
    ]);
  });

  test('what was decoded does not change with the bytes that it came from', () => {
    const bytes = write({ type: 'Broadcast', id: 'c-1', data: { topic: 'chat.a', payload: ['text'.repeat(50)] } });
    const frame = codec.decode(bytes, false);
    const before = JSON.stringify(frame);
    new Uint8Array(bytes).fill(0x41);
    expect(JSON.stringify(frame)).toBe(before);
  });

  test('numbers, strings and nothing at the top are malformed', () => {
    for (const value of [null, 5, 'Ping', true]) {
      expect(decode(value)).toMatchObject({ type: 'rejected', refusal: { reason: 'malformed' } });
    }
    expect(codec.decode(new ArrayBuffer(0), false)).toMatchObject({ refusal: { reason: 'malformed' } });
  });
});

describe.each(clients)('%s to the client', (_name, { codec, read }) => {
  test('a control frame arrives as it is', () => {
    const details = fc.dictionary(fc.stringMatching(/^[a-z_]{1,6}$/), jsonValues, {
      maxKeys: 5,
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(details, fc.option(fc.string({ unit: characters }), { nil: undefined }), (data, replyTo) => {
        const frame: ControlFrame = { type: 'Status', reply_to: replyTo, data: { status: 'x', details: data } };
        const { reply_to: _, ...rest } = frame;
        expect(read(codec.encode(frame))).toStrictEqual(replyTo === undefined ? rest : { ...frame });
      }),
    );
  });

  test('a status of own and shared details is the frame that has all of them, however many there are', () => {
    const details = (first: string): fc.Arbitrary<Record<string, unknown>> =>
      fc.dictionary(fc.stringMatching(new RegExp(`^${first}[a-z_]{1,6}$`)), jsonValues, {
        minKeys: 1,
        maxKeys: 20,
        size: '+1',
        noNullPrototype: true,
      });
    fc.assert(
      fc.property(details('o'), details('s'), (own, common) => {
        const shared = codec.share(common);
        const data = { status: 'connected', details: { ...own, ...common } };
        // Printed once, told twice.
        for (let time = 0; time < 2; time += 1)
          expect(read(codec.status('connected', own, shared))).toStrictEqual(
            read(codec.encode({ type: 'Status', data })),
          );
      }),
    );
  });

  test('an acknowledgement is the Ack frame that it stands for', () => {
    const positions = fc.record({ epoch: fc.stringMatching(/^[\w-]{12}$/), sequence: fc.maxSafeNat() });
    const acks = fc.record({
      replyTo: fc.option(fc.string({ unit: characters }), { nil: undefined }),
      status: fc.constantFrom('delivered', 'duplicate', 'queued'),
      topic: fc.option(topicNames, { nil: undefined }),
      id: fc.stringMatching(/^\d{13}-\d{1,16}-[\w-]{6}$/),
      position: fc.option(positions),
      recipients: fc.nat(),
    });
    fc.assert(
      fc.property(acks, (ack) => {
        const { replyTo, status, topic, id, position, recipients } = ack;
        const place = position === null ? {} : { id, sequence: position.sequence, epoch: position.epoch };
        const data = { message_id: replyTo, status, topic, ...place, recipients };
        expect(read(codec.acknowledgement(ack))).toStrictEqual(
          read(codec.encode({ type: 'Ack', reply_to: replyTo, data: withoutUndefined(data) })),
        );
      }),
    );
  });

  test('a publication arrives with everything that it has and nothing else', () => {
    fc.assert(
      fc.property(publications, ({ publication, wire }) => {
        expect(read(codec.publication(publication))).toStrictEqual(wire);
      }),
      { numRuns: 300 },
    );
  });

  test('marks of a replay are added, the rest stays', () => {
    fc.assert(
      fc.property(publications, fc.option(fc.string({ unit: characters }), { nil: undefined }), (example, replyTo) => {
        const { publication, wire } = example;
        const frame = bytesOf(codec.publication(publication));
        const before = Buffer.from(frame);
        const data = { ...wire.data, replayed: true };
        const expected = { ...wire, data, ...(replyTo !== undefined && { reply_to: replyTo }) };
        expect(read(codec.replayed(frame, replyTo))).toStrictEqual(expected);
        expect(before.equals(frame)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('marks are added to a frame that stands in the middle of other memory', () => {
    fc.assert(
      fc.property(publications, ({ publication, wire }) => {
        const frame = bytesOf(codec.publication(publication));
        const memory = new Uint8Array(frame.byteLength + 20).fill(0x7d);
        memory.set(frame, 10);
        const view = memory.subarray(10, 10 + frame.byteLength);
        const expected = { ...wire, data: { ...wire.data, replayed: true }, reply_to: 'c-1' };
        expect(read(codec.replayed(view, 'c-1'))).toStrictEqual(expected);
      }),
    );
  });

  test('joined frames are an array of them', () => {
    fc.assert(
      fc.property(fc.array(publications, { minLength: 1, maxLength: 20 }), (examples) => {
        const frames = examples.map(({ publication }) => bytesOf(codec.publication(publication)));
        expect(read(codec.join(frames))).toStrictEqual(examples.map(({ wire }) => wire));
      }),
      { numRuns: 50 },
    );
  });

  test('a history is a status whose details hold the publications', () => {
    const details = fc.constantFrom<Record<string, unknown>>(
      {},
      { complete: true },
      { topic: 'a', complete: false, next: { epoch: 'e', sequence: 5 } },
    );
    const replies = fc.option(fc.string({ unit: characters }), { nil: undefined });
    fc.assert(
      fc.property(replies, details, fc.array(publications, { maxLength: 4 }), (replyTo, given, examples) => {
        const messages = examples.map(({ wire }) => wire);
        const payload = codec.history(
          replyTo,
          given,
          examples.map(({ publication }) => publication),
        );
        expect(read(payload)).toStrictEqual({
          type: 'Status',
          ...(replyTo !== undefined && { reply_to: replyTo }),
          data: { status: 'history', details: { ...given, messages } },
        });
      }),
    );
  });
});

function withoutUndefined(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}
