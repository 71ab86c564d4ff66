import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientFrames } from '../../test/kit/client-frames.ts';
import type { Decoded, RejectedFrame } from './codec.ts';
import type { BroadcastFrame } from './frames.ts';
import { json } from './json.ts';
import { clientFrame } from './schema.ts';

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

function decode(text: string, batching = false): Decoded | readonly Decoded[] {
  return json.decode(bufferOf(Buffer.from(text)), batching);
}

function broadcast(payload: string): string {
  return `{"type":"Broadcast","id":"c-1","data":{"topic":"a","payload":${payload}}}`;
}

describe('what is not JSON', () => {
  test.each([
    '',
    ' ',
    '{',
    '{"type":"Ping"',
    '{"type":"Ping"}}',
    '{"type":"Ping"},',
    '{"type":"Ping"} {"type":"Ping"}',
    "{'type':'Ping'}",
    '{type:"Ping"}',
    '{"type":"Ping",}',
    '{"type":"Ping","data":{"timestamp":NaN}}',
    '{"type":"Ping","data":{"timestamp":01}}',
    '{"type":"Ping","id":"a\nb"}',
    '\uFEFF{"type":"Ping"}',
    '\u0000',
    String.raw`{"type":"\x50ing"}`,
  ])('%j is malformed', (text) => {
    expect(decode(text)).toMatchObject({ type: 'rejected', id: undefined, refusal: { reason: 'malformed' } });
  });

  test('is never repeated in the answer, because it may hold a token', () => {
    for (const text of ['{"token":secret-token}', 'secret-token', '{"token":"secret-token', '["secret-token",]']) {
      const { refusal } = decode(text) as RejectedFrame;
      expect(refusal.reason).toBe('malformed');
      expect(JSON.stringify(refusal)).not.toContain('secret');
    }
  });
});

/** Whether the answer to these bytes is right, by the schema. */
function isRight(bytes: Uint8Array): boolean {
  const decoded = json.decode(bufferOf(bytes), false) as Decoded;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString()) as unknown;
  } catch {
    return decoded.type === 'rejected' && decoded.refusal.reason === 'malformed';
  }
  return decoded.type.startsWith('X-') || (decoded.type !== 'rejected') === clientFrame.safeParse(value).success;
}

test('any bytes are refused or valid, and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(isRight(bytes)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('frames with bytes changed, cut off or put in are refused or valid, and never throw', () => {
  const noise = fc.uint8Array({ maxLength: 3 });
  fc.assert(
    fc.property(clientFrames, fc.nat(), fc.nat(3), noise, ({ wire }, place, removed, added) => {
      const bytes = Buffer.from(JSON.stringify(wire));
      const at = place % (bytes.length + 1);
      const damaged = Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);
      fc.pre(!damaged.includes('__proto__'));
      expect(isRight(damaged)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

describe('a payload keeps the characters of its publisher', () => {
  test.each([
    '12345678901234567890',
    '1.0',
    '-0',
    '1E5',
    '{ "b" : 1,\n "a" : [ ] }',
    String.raw`"\u0041\/\ud83d\ude00"`,
    String.raw`"\\ud800"`,
    '"é😀"',
  ])('%s', (payload) => {
    const frame = decode(broadcast(payload)) as BroadcastFrame;
    expect(frame.payload).toBe(payload);
    expect(JSON.parse(frame.payload)).toEqual(JSON.parse(payload));
  });

  test('of two equal keys the last one counts, as for every parser', () => {
    const text =
      '{"type":"Broadcast","data":{"topic":"a","payload":1,"payload":2},"data":{"topic":"b","payload":3,"payload":4}}';
    expect(decode(text)).toMatchObject({ topic: 'b', payload: '4' });
  });

  test('keys written with escapes are understood', () => {
    const text = String.raw`{"type":"Broadcast","d\u0061ta":{"topic":"a","payl\u006fad":{"x": 1}}}`;
    expect(decode(text)).toMatchObject({ topic: 'a', payload: '{"x":1}' });
  });

  test('in a batch every frame gets its own', () => {
    const frames = decode(`[${broadcast('1')},${broadcast('{"a": "x"}')}]`, true) as readonly BroadcastFrame[];
    expect(frames.map(({ payload }) => JSON.parse(payload) as unknown)).toEqual([1, { a: 'x' }]);
  });
});

describe('what no payload may hold', () => {
  const deep = `${'['.repeat(60_000)}${']'.repeat(60_000)}`;

  test.each([
    ['numbers beyond the range of a double', '[1e999]'],
    ['the key __proto__', '{"a":{"__proto__":{}}}'],
    ['the key __proto__, escaped', String.raw`{"\u005f_proto__":1}`],
    ['60,000 levels of arrays', deep],
    ['60,000 levels of objects', `${'{"a":'.repeat(60_000)}1${'}'.repeat(60_000)}`],
  ])('%s', (_name, payload) => {
    const rejected = { type: 'rejected', id: 'c-1', refusal: { reason: 'invalid_field' } };
    expect(decode(broadcast(payload))).toMatchObject(rejected);
    expect(decode(`[${broadcast(payload)},${broadcast('1')}]`, true)).toMatchObject([rejected, { payload: '1' }]);
    expect(decode(`{"type":"X-a","id":"c-1","data":${payload}}`)).toMatchObject(rejected);
  });

  test('60,000 levels in a field that is read otherwise are refused, in one that is not they are ignored', () => {
    expect(decode(`{"type":"Subscribe","data":{"topics":[${deep}]}}`)).toMatchObject({ type: 'rejected' });
    expect(decode(`{"type":"Ack","data":{"positions":{"a":${deep}}}}`)).toMatchObject({ type: 'rejected' });
    expect(decode(`{"type":"Ping","unknown":${deep},"data":{"unknown":${deep}}}`)).toMatchObject({ type: 'Ping' });
  });
});

test('keys that objects inherit are no fields', () => {
  expect(decode('{"__proto__":{"type":"Ping"}}')).toMatchObject({ refusal: { reason: 'invalid_field' } });
  expect(decode('{"type":"Broadcast","data":{"__proto__":{"topic":"a","payload":1}}}')).toMatchObject({
    refusal: { reason: 'invalid_field' },
  });
});

test('a publication begins with its id, so that the sequence is found without parsing', () => {
  const position = { epoch: 'e', sequence: 17 };
  const message = { from: 'u', clientId: undefined, trace: undefined, payload: '{"a": 1}', timestamp: 5 };
  const text = json.publication({ topic: 'chat.a', id: '5-17-Ab_-9z', position, ...message });
  expect(text).toBe(
    '{"type":"Broadcast","id":"5-17-Ab_-9z","timestamp":5,"data":{"topic":"chat.a","sequence":17,"epoch":"e","from":"u","payload":{"a": 1}}}',
  );
});
