import * as fc from 'fast-check';
import { Unpackr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { clientFrames, jsonValues } from '../../test/kit/client-frames.ts';
import { float32, float64, int64, Raw, writeMessagePack } from '../../test/kit/msgpack-writer.ts';
import type { Decoded } from './codec.ts';
import { msgpack } from './msgpack.ts';
import { scanProblem, valueOffset } from './msgpack-scan.ts';
import { clientFrame } from './schema.ts';

const widths = fc.array(fc.nat(11), { minLength: 1, maxLength: 12 });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });

function decode(bytes: Uint8Array): Decoded {
  return msgpack.decode(Uint8Array.from(bytes).buffer, false) as Decoded;
}

function broadcast(payload: unknown): Uint8Array {
  return writeMessagePack({ type: 'Broadcast', data: { topic: 'a', payload } });
}

describe('however a value is written', () => {
  test('a frame is read as what it says', () => {
    fc.assert(
      fc.property(clientFrames, widths, ({ wire, frame }, choices) => {
        expect(decode(writeMessagePack(wire, choices))).toEqual(frame);
      }),
      { numRuns: 1_000 },
    );
  });

  test('a JSON value passes the scan, less of it or more than it do not', () => {
    fc.assert(
      fc.property(jsonValues, widths, fc.nat(), fc.nat(255), (value, choices, place, extra) => {
        const bytes = writeMessagePack(value, choices);
        expect(scanProblem(bytes)).toBeNull();
        expect(scanProblem(bytes.subarray(0, place % bytes.length))).toBe('bytes that end too early');
        expect(scanProblem(Uint8Array.of(...bytes, extra))).toBe('bytes after the end of the frame');
      }),
      { numRuns: 500 },
    );
  });

  test('the scan looks at a view only, not at the memory around it', () => {
    const memory = new Uint8Array([0xc1, ...writeMessagePack({ a: [1.5, 'x'] }), 0xc1]);
    expect(scanProblem(memory.subarray(1, -1))).toBeNull();
    expect(scanProblem(memory.subarray(1, -2))).toBe('bytes that end too early');
  });
});

/** Whether the answer to these bytes is right: refused, or what the library and the schema make of them. */
function isRight(bytes: Uint8Array): boolean {
  const decoded = decode(bytes);
  if (decoded.type.startsWith('X-')) return true;
  if (decoded.type !== 'rejected') return clientFrame.safeParse(unpackr.unpack(bytes)).success;
  return scanProblem(bytes) !== null || !clientFrame.safeParse(unpackr.unpack(bytes)).success;
}

test('any bytes are refused or valid, and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(isRight(bytes)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test('frames with bytes changed, cut off or put in are refused or valid, and never throw', () => {
  const noise = fc.uint8Array({ maxLength: 3 });
  fc.assert(
    fc.property(clientFrames, widths, fc.nat(), fc.nat(3), noise, ({ wire }, choices, place, removed, added) => {
      const bytes = writeMessagePack(wire, choices);
      const at = place % (bytes.length + 1);
      expect(isRight(Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]))).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

describe('what is not a JSON value is refused wherever it stands', () => {
  const ext = (...bytes: number[]): Raw => new Raw(bytes);
  const traps: readonly (readonly [string, Raw | Map<unknown, unknown>])[] = [
    ['a record definition (fixext 1, type 0x72)', ext(0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01)],
    ['a fixext 1', ext(0xd4, 1, 0)],
    ['a fixext 2', ext(0xd5, 1, 0, 0)],
    ['a date (fixext 4, type -1)', ext(0xd6, 0xff, 0x65, 0, 0, 0)],
    ['a date (fixext 8, type -1)', ext(0xd7, 0xff, 0, 0, 0, 0, 0x65, 0, 0, 0)],
    ['a fixext 16', ext(0xd8, 1, ...Array.from({ length: 16 }, () => 0))],
    ['a date (ext 8, type -1)', ext(0xc7, 12, 0xff, ...Array.from({ length: 12 }, () => 0))],
    ['an ext 8 without content', ext(0xc7, 0, 5)],
    ['an ext 16', ext(0xc8, 0, 1, 0x65, 0)],
    ['an ext 32', ext(0xc9, 0, 0, 0, 1, 0x65, 0)],
    ['the byte that is never used', ext(0xc1)],
    ['a bin 8', ext(0xc4, 1, 0)],
    ['an empty bin 8', ext(0xc4, 0)],
    ['a bin 16', ext(0xc5, 0, 1, 0)],
    ['a bin 32', ext(0xc6, 0, 0, 0, 1, 0)],
    ['NaN', float64(NaN)],
    ['infinity', float64(Infinity)],
    ['minus infinity', float64(-Infinity)],
    ['NaN in 32 bits', float32(NaN)],
    ['infinity in 32 bits', float32(Infinity)],
    ['2^53, unsigned', int64(0xcf, 2n ** 53n)],
    ['2^64 - 1, unsigned', int64(0xcf, 2n ** 64n - 1n)],
    ['2^53, signed', int64(0xd3, 2n ** 53n)],
    ['-2^53, signed', int64(0xd3, -(2n ** 53n))],
    ['-2^53 - 1, signed', int64(0xd3, -(2n ** 53n) - 1n)],
    ['-2^63, signed', int64(0xd3, -(2n ** 63n))],
    ['a number as a key', new Map([[5, 1]])],
    ['nil as a key', new Map([[null, 1]])],
    ['true as a key', new Map([[true, 1]])],
    ['a map as a key', new Map([[{}, 1]])],
    ['binary data as a key', new Map([[ext(0xc4, 1, 0x61), 1]])],
    ['the key __proto__', new Map([['__proto__', 1]])],
    ['the key __proto__ in a str 8', new Map([[ext(0xd9, 9, ...Buffer.from('__proto__')), {}]])],
    ['the key __proto__ in a str 16', new Map([[ext(0xda, 0, 9, ...Buffer.from('__proto__')), {}]])],
    ['the key __proto__ in a str 32', new Map([[ext(0xdb, 0, 0, 0, 9, ...Buffer.from('__proto__')), {}]])],
    ['a byte that begins nothing in UTF-8', ext(0xa1, 0xff)],
    ['an overlong character', ext(0xa2, 0xc0, 0xaf)],
    ['half a character', ext(0xa2, 0xe2, 0x82)],
    ['a lone surrogate', ext(0xa3, 0xed, 0xa0, 0x80)],
    ['a key that is not UTF-8', new Map([[ext(0xa1, 0xff), 1]])],
  ];

  test.each(traps)('%s', (_name, trap) => {
    const rejected = { type: 'rejected', refusal: { reason: 'invalid_field' } };
    expect(decode(broadcast(trap))).toMatchObject(rejected);
    expect(decode(broadcast([1, { a: trap }]))).toMatchObject(rejected);
    expect(decode(writeMessagePack({ type: 'Ping', unknown: trap }))).toMatchObject(rejected);
    expect(decode(writeMessagePack({ type: 'X-a', data: trap }))).toMatchObject(rejected);
    const top = decode(writeMessagePack(trap));
    expect(top).toMatchObject(rejected);
  });
});

describe('what looks like a trap and is none', () => {
  const values: readonly (readonly [string, unknown, unknown])[] = [
    ['2^53 - 1, unsigned', int64(0xcf, 2n ** 53n - 1n), 2 ** 53 - 1],
    ['2^53 - 1, signed', int64(0xd3, 2n ** 53n - 1n), 2 ** 53 - 1],
    ['-(2^53 - 1), signed', int64(0xd3, -(2n ** 53n) + 1n), -(2 ** 53) + 1],
    ['-1 in 64 bits', int64(0xd3, -1n), -1],
    ['2^60 as a double', float64(2 ** 60), 2 ** 60],
    ['the largest double', float64(Number.MAX_VALUE), Number.MAX_VALUE],
    ['0.5 in 32 bits', float32(0.5), 0.5],
    ['a key that ends in __proto__', { x__proto__: 1 }, { x__proto__: 1 }],
    ['a key that begins with __proto__', { __proto__x: 1 }, { __proto__x: 1 }],
    ['the text __proto__', '__proto__', '__proto__'],
    ['the key constructor', { constructor: 1 }, { constructor: 1 }],
    ['the empty key', { '': 1 }, { '': 1 }],
    ['keys that are numbers in text', { 5: 1, '-1': 2 }, { 5: 1, '-1': 2 }],
    ['U+0000', 'a\0b', 'a\0b'],
    ['two equal keys, of which the last counts', new Raw([0x82, 0xa1, 0x61, 0, 0xa1, 0x61, 1]), { a: 1 }],
  ];

  test.each(values)('%s', (_name, value, expected) => {
    const frame = decode(broadcast(value));
    expect(frame).toMatchObject({ type: 'Broadcast' });
    expect(JSON.parse('payload' in frame ? frame.payload : 'null')).toStrictEqual(expected);
  });
});

describe('sizes that are not true', () => {
  const headers: readonly (readonly [string, readonly number[]])[] = [
    ['a str 32', [0xdb, 0xff, 0xff, 0xff, 0xff]],
    ['an array 32', [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['a map 32', [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ['a str 16', [0xda, 0xff, 0xff]],
    ['an array 16', [0xdc, 0xff, 0xff]],
    ['a map 16', [0xde, 0xff, 0xff]],
    ['a str 8', [0xd9, 0xff]],
    ['a short map', [0x8f]],
    ['a header that ends too early', [0xdb, 0xff, 0xff]],
    ['an integer that ends too early', [0xcf, 0, 0]],
    ['a double that ends too early', [0xcb, 0x7f, 0xf0]],
  ];

  test.each(headers)('%s', (_name, header) => {
    for (const bytes of [new Uint8Array(header), broadcast(new Raw(header)), broadcast([new Raw(header)])]) {
      expect(decode(bytes)).toMatchObject({ type: 'rejected', refusal: { reason: 'malformed' } });
    }
  });

  test('bytes after the frame are malformed, also when they are a frame', () => {
    const frame = writeMessagePack({ type: 'Ping' });
    expect(decode(frame)).toMatchObject({ type: 'Ping' });
    for (const extra of [[0xc0], [0x00], [...frame]]) {
      expect(decode(Uint8Array.of(...frame, ...extra))).toMatchObject({ refusal: { reason: 'malformed' } });
    }
  });
});

describe('nesting', () => {
  const arrays = (levels: number): Raw => new Raw([...Array.from({ length: levels }, () => 0x91), 0xc0]);
  const maps = (levels: number): Raw =>
    new Raw([...Array.from({ length: levels }, () => [0x81, 0xa1, 0x61]).flat(), 0xc0]);

  test('30 levels in a payload are the most, the frame makes 32', () => {
    for (const levels of [arrays, maps]) {
      expect(decode(broadcast(levels(30)))).toMatchObject({ type: 'Broadcast' });
      expect(decode(broadcast(levels(31)))).toMatchObject({ refusal: { reason: 'invalid_field' } });
    }
  });

  test('60,000 levels are refused like 33', () => {
    for (const levels of [arrays, maps]) {
      for (const bytes of [broadcast(levels(60_000)), new Uint8Array(levels(60_000).bytes)]) {
        const decoded = decode(bytes);
        expect(decoded).toMatchObject({ type: 'rejected', refusal: { reason: 'invalid_field' } });
        expect(decoded).toMatchObject({ refusal: { message: expect.stringContaining('32 levels') as string } });
      }
    }
  });
});

test('the value of a key is found in our own map, and only at the top of it', () => {
  const bytes = writeMessagePack({ dat: 1, x: { data: 2 }, 'data!': 'data', data: 3 });
  expect(valueOffset(bytes, 'data')).toBe(bytes.length - 1);
  expect(valueOffset(writeMessagePack({ x: { data: 2 }, y: 'data' }), 'data')).toBe(-1);
});
