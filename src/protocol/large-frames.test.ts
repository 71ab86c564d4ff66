/** Large frames are read without their payload being built: as small ones are read, whatever the payload is. */
import * as fc from 'fast-check';
import { Unpackr } from 'msgpackr';
import { describe, expect, test, vi } from 'vitest';
import { clientFrames, jsonValues } from '../../test/kit/client-frames.ts';
import { writeMessagePack } from '../../test/kit/msgpack-writer.ts';
import { json } from './json.ts';
import { findPayload, NOT_JSON } from './json-payload.ts';
import { scanValue, takeProblem } from './json-scan.ts';
import { jsonText } from './msgpack-json.ts';
import { msgpack } from './msgpack.ts';

const SPACES = ' '.repeat(4_096);
const PIECES = [
  '"',
  '\\',
  '{',
  '}',
  ',',
  ':',
  ' ',
  '\n',
  '\u0000',
  '1',
  '0',
  '-',
  '.',
  'e',
  '[',
  ']',
  '\\u005f',
  'tru',
];

const buffer = (bytes: string | Uint8Array): ArrayBuffer => Uint8Array.from(Buffer.from(bytes as string)).buffer;

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('JSON', () => {
  test('the scan takes what a parser takes, and nothing else', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom(...PIECES)), { maxLength: 2 });
    fc.assert(
      fc.property(fc.json(), changes, (whole, list) => {
        let text = whole;
        for (const [at, cut, piece] of list) {
          const place = at % (text.length + 1);
          text = text.slice(0, place) + piece + text.slice(place + cut);
        }
        // Space around a value is no part of it.
        text = text.replaceAll(/^[ \n]+|[ \n]+$/g, '');
        expect(scanValue(text, 0, 2) === text.length).toBe(parses(text));
        takeProblem();
      }),
      { numRuns: 3_000 },
    );
  });

  test('a frame with much space in it is read as it is without', () => {
    fc.assert(
      fc.property(clientFrames, fc.nat(), fc.constantFrom('', ...PIECES), ({ wire }, at, piece) => {
        const whole = JSON.stringify(wire);
        const place = at % (whole.length + 1);
        const text = whole.slice(0, place) + piece + whole.slice(place);
        const [small, large] = [text, text + SPACES].map((each) => json.decode(buffer(` ${each}`), false));
        if (small !== undefined && 'refusal' in small && small.refusal.reason === 'malformed')
          expect(large).toMatchObject({ type: 'rejected', refusal: { reason: 'malformed' } });
        else expect(large).toEqual(small);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['{"data":{"payload":1},"type":"x"}', '1'],
    [' { "data" : { "a" : [ { } , { "b" : 1 } ] , "payload" : [ 1 , {} ] } } ', '[ 1 , {} ]'],
    ['{"data":{"payload":1,"payload":{"payload":2}}}', '{"payload":2}'],
    ['{"data":{"payload":1},"data":{"a":1}}', null],
    ['{"data":{"payload":1},"data":5}', null],
    ['{"payload":1,"data":[{"payload":1}]}', null],
    [String.raw`{"data":{"payload":1,"p\u0061yload":2}}`, null],
    ['[{"data":{"payload":1}}]', null],
    ['{}', null],
  ])('the payload of %s is %s', (text, payload) => {
    const found = findPayload(text);
    expect(found === null || found === NOT_JSON ? found : text.slice(found.start, found.end)).toBe(payload);
  });

  test.each(['{"data":{"payload":1}', '{"data":{"payload":}}', '{"data":{"payload":1},}', '{"data":{"payload":1}}x'])(
    '%s is no JSON',
    (text) => {
      expect(findPayload(text)).toBe(NOT_JSON);
    },
  );

  test.each([
    '1e999',
    `-1${'0'.repeat(400)}`,
    '{"__proto__":1}',
    String.raw`{"__pr\u006fto__":1}`,
    '['.repeat(31) + ']'.repeat(31),
  ])('%#: what no payload may hold is refused, and what stands beside it is not asked', (payload) => {
    const text = (inside: string, beside: string): string =>
      `{"type":"Broadcast","id":"i","data":{"topic":"a","x":${beside},"payload":${inside}}}${SPACES}`;
    const [refused, taken] = [text(payload, '1'), text('1', payload)].map((each) => json.decode(buffer(each), false));
    expect(refused).toMatchObject({ type: 'rejected', id: 'i', refusal: { reason: 'invalid_field' } });
    expect(taken).toMatchObject({ type: 'Broadcast', payload: '1' });
  });
});

describe('MessagePack', () => {
  const widths = fc.array(fc.nat(11), { minLength: 1, maxLength: 12 });

  test('a value is printed as it is when it is built first', () => {
    fc.assert(
      fc.property(jsonValues, widths, (value, choices) => {
        const bytes = writeMessagePack(value, choices);
        expect(jsonText(bytes, 0, bytes.length)).toBe(JSON.stringify(value));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    [0, 9, 10, 99, 100, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32, 2 ** 53 - 1],
    [-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 53) + 1],
    [0.1, -1.5e-9, 1e300, 5e-324, 123_456.789],
    ['', '"', '\\', '\u0000\u001f\n', 'é'.repeat(40), `${'x'.repeat(50)}"${'y'.repeat(50)}`, '\u2028😀'],
    [null, true, false, [], {}, [[]], { a: {} }],
  ])('%#: %j', (...values) => {
    for (const [at, value] of [...values, values].entries()) {
      const bytes = writeMessagePack(value, [at]);
      expect(jsonText(bytes, 0, bytes.length)).toBe(JSON.stringify(value));
    }
  });

  test('of two equal keys the last one counts', () => {
    const long = (letter: string): string => letter.repeat(300);
    const data = new Map([
      ['topic', 'a'],
      ['payload', long('x')],
    ]);
    const twice = Buffer.from(writeMessagePack({ type: 'Broadcast', data }));
    // One more member for the map of two, and the payload once more behind it.
    twice[twice.indexOf(0x82, 1)] = 0x83;
    const more = Buffer.concat([twice, writeMessagePack('payload'), writeMessagePack(long('y'))]);
    expect(msgpack.decode(buffer(more), false)).toMatchObject({ payload: JSON.stringify(long('y')) });
  });

  test('an application gets all of its frame', () => {
    const data = { payload: 'x'.repeat(300), more: 1 };
    expect(msgpack.decode(buffer(writeMessagePack({ type: 'X-Any', data })), false)).toMatchObject({ data });
    expect(json.decode(buffer(`${JSON.stringify({ type: 'X-Any', data })}${SPACES}`), false)).toMatchObject({ data });
  });
});

/** Bytes that a parser of values is given, or a printer of them gives, while `work` runs. */
function bytesBuilt(work: () => unknown): number {
  const spies = [vi.spyOn(JSON, 'parse'), vi.spyOn(JSON, 'stringify'), vi.spyOn(Unpackr.prototype, 'unpack')] as const;
  const [parse, stringify, unpack] = spies;
  try {
    work();
    const sizes = [
      ...parse.mock.calls.map(([text]) => text.length),
      ...stringify.mock.results.map(({ value }) => (value as string | undefined)?.length ?? 0),
      ...unpack.mock.calls.map(([bytes]) => bytes.byteLength),
    ];
    return sizes.reduce((sum, size) => sum + size, 0);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

const KEYS = JSON.stringify(Object.fromEntries(Array.from({ length: 6_000 }, (_, at) => [`k${at}`, 1])));
const MAPS = writeMessagePack({
  type: 'Broadcast',
  data: { topic: 'a', payload: Array.from({ length: 60_000 }, () => ({})) },
});
const framed = (rest: string): ArrayBuffer => buffer(`{"type":"Broadcast","data":{"topic":"a","payload":${rest}}}`);
const unpackr = new Unpackr({ useRecords: false });
const ALONE = framed(KEYS);
const FOLLOWED = framed(`${KEYS},"idempotency_key":"k"`);

test.each<[string, () => unknown, () => unknown]>([
  ['JSON of many keys', () => json.decode(ALONE, false), () => JSON.stringify(JSON.parse(KEYS))],
  [
    'JSON of many keys before another field',
    () => json.decode(FOLLOWED, false),
    () => JSON.stringify(JSON.parse(KEYS)),
  ],
  ['MessagePack of many maps', () => msgpack.decode(MAPS.buffer, false), () => JSON.stringify(unpackr.unpack(MAPS))],
])('a frame of %s is read without its payload being built or printed', (_, read, build) => {
  // The text around the payload is short. Building and printing it goes over all of it twice.
  expect(bytesBuilt(build)).toBeGreaterThan(100_000);
  expect(bytesBuilt(read)).toBeLessThan(200);
});
