/** The codec agrees with the library that the server uses, in both directions. */
import * as fc from 'fast-check';
import { Packr, Unpackr } from 'msgpackr';
import { expect, test } from 'vitest';
import { jsonValues } from '../../../test/kit/client-frames.ts';
import { decode } from './decode.ts';
import { encode } from './encode.ts';

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

test('every JSON value comes back as it was', () => {
  fc.assert(
    fc.property(jsonValues, (value) => {
      expect(decode(encode(value))).toStrictEqual(value);
    }),
    { numRuns: 1_000 },
  );
});

test("what is written the server's library reads, and the other way round", () => {
  fc.assert(
    fc.property(jsonValues, (value) => {
      expect(unpackr.unpack(encode(value))).toStrictEqual(value);
      expect(decode(Uint8Array.from(packr.pack(value)))).toStrictEqual(value);
    }),
    { numRuns: 1_000 },
  );
});

test.each([0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1])('the integer %i', (value) => {
  for (const each of [value, -value - 1].filter(Number.isSafeInteger)) {
    expect(decode(encode(each))).toBe(each);
    expect(unpackr.unpack(encode(each))).toEqual(each);
    expect(decode(Uint8Array.from(packr.pack(each)))).toBe(each);
  }
});

test.each([31, 32, 255, 256, 65_535, 65_536])('texts, lists and maps of %i', (size) => {
  const text = 'ü'.repeat(size);
  const list = Array.from({ length: size }, (_, at) => at);
  const map = Object.fromEntries(list.map((at) => [`k${at}`, at]));
  for (const value of [text, list, map]) {
    expect(decode(encode(value))).toEqual(value);
    expect(unpackr.unpack(encode(value))).toEqual(value);
  }
});

test.each([[undefined], [() => {}], [NaN], [Infinity], [1n], [{ deep: [Symbol('s')] }]])('%s is refused', (value) => {
  expect(() => encode(value)).toThrow(/expected/);
});

test('bytes that are no JSON value are refused, never a crash or another value', () => {
  const whole = encode({ a: [1, 'text', { b: null }] });
  for (let length = 0; length < whole.length; length += 1) expect(() => decode(whole.slice(0, length))).toThrow();
  expect(() => decode(Uint8Array.from([...whole, 0]))).toThrow(/one value/);
  expect(() => decode(Uint8Array.from([0xcf, 0, 32, 0, 0, 0, 0, 0, 0]))).toThrow(/2\^53/);
  expect(decode(Uint8Array.from([0xcf, 0, 0, 0, 1, 0, 0, 0, 0]))).toBe(2 ** 32);
  for (const bytes of [[0xc1], [0xc4, 1, 0], [0xd4, 0, 0], [0xdd, 255, 255, 255, 255], [0x81, 1, 1], [0xa1, 0xff]])
    expect(() => decode(Uint8Array.from(bytes))).toThrow();
  expect(() => decode(encode(JSON.parse('{"__proto__":1}')))).toThrow(/__proto__/);
  expect(() => decode(Uint8Array.from({ length: 60_000 }, () => 0x91))).toThrow(/levels/);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
      try {
        decode(Uint8Array.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
    { numRuns: 5_000 },
  );
});
