import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientFrames } from '../../test/kit/client-frames.ts';
import { readPlainBroadcast } from './json-broadcast.ts';
import { json } from './json.ts';

/** A space in front keeps a text away from the short way. */
function generally(text: string): unknown {
  return json.decode(bufferOf(` ${text}`), false);
}

function bufferOf(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text)).buffer;
}

function frame(payload: string, topic = '"chat.a"', id = '"c-1"'): string {
  return `{"type":"Broadcast","id":${id},"data":{"topic":${topic},"payload":${payload}}}`;
}

const deep = (levels: number): string => `${'['.repeat(levels)}1${']'.repeat(levels)}`;

const PLAIN = [
  frame('"hello"'),
  frame('""'),
  frame('"ü€😀"'),
  frame('1'),
  frame('null'),
  frame('{"a":[1,{"b":"}}"}]}'),
  frame(String.raw`"a\nb"`),
  frame('"x"').replace('"id":"c-1",', ''),
  frame('1', '"not a topic"'),
  frame(deep(10)),
];

const OTHER = [
  '',
  '{"type":"Broadcast",',
  '{"type":"Broadcast","id":"c-1"}',
  frame(''),
  frame(' 1'),
  frame('1 '),
  frame('1,"idempotency_key":"k"'),
  frame('1},"trace":{"a":1'),
  frame('1}},{"a":{"b":1'),
  frame('"a"b"'),
  frame('"a\nb"'),
  frame('nope'),
  frame('01'),
  frame('"x'),
  frame('x"'),
  frame('"'),
  frame('1', '"a\\u002eb"'),
  frame('1', '"a\nb"'),
  frame('1', '5'),
  frame('1', '"a"', '""'),
  frame('1', '"a"', '"c\\u0031"'),
  frame('1', '"a"', '5'),
  frame('1', '"a"', `"${'x'.repeat(65)}"`),
  `${frame('1')} `,
  `${frame('1')}}`,
  frame('1').slice(0, -1),
  frame('1').replace('{"topic"', '{ "topic"'),
];

describe('a Broadcast as it is usually printed', () => {
  test.each(PLAIN)('%s is read the short way, as the general reader reads it', (text) => {
    expect(readPlainBroadcast(text)).not.toBeNull();
    expect(readPlainBroadcast(text)).toStrictEqual(generally(text));
  });

  test.each([frame(deep(200)), frame('{"__proto__":1}'), frame('1e999')])(
    '%#: what is no payload is refused as the general reader does it',
    (text) => {
      expect(readPlainBroadcast(text)).toMatchObject({ type: 'rejected' });
      expect(readPlainBroadcast(text)).toStrictEqual(generally(text));
    },
  );

  test.each(OTHER)('%j is left to the general reader', (text) => {
    expect(readPlainBroadcast(text)).toBeNull();
  });

  test('agrees with the general reader on every valid frame, and on each with a piece changed', () => {
    const pieces = fc.constantFrom(
      '"',
      '\\',
      '{',
      '}',
      '}}',
      ',',
      ':',
      ' ',
      '\n',
      '1',
      '"payload":',
      '"topic":"a",',
      '',
    );
    fc.assert(
      fc.property(clientFrames, fc.nat(), fc.nat(3), pieces, ({ wire }, at, cut, piece) => {
        const whole = JSON.stringify(wire);
        const place = at % (whole.length + 1);
        for (const text of [whole, whole.slice(0, place) + piece + whole.slice(place + cut)]) {
          const read = readPlainBroadcast(text);
          if (read !== null) expect(read).toStrictEqual(generally(text));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('agrees on payloads of every kind with pieces changed', () => {
    const pieces = fc.constantFrom('"', '\\', '{', '}', '}}', ',', ':', ' ', '\u0000', '1', '[', ']', 'e');
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.nat(2), pieces, (payload, at, cut, piece) => {
        const place = at % (payload.length + 1);
        for (const each of [payload, payload.slice(0, place) + piece + payload.slice(place + cut)]) {
          const read = readPlainBroadcast(frame(each));
          if (read !== null) expect(read).toStrictEqual(generally(frame(each)));
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
