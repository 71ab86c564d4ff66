/** Ids of messages that are too long to be read. */
import * as fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { idOfLongJson } from './json-head.ts';
import { idOfLongMsgpack } from './msgpack-head.ts';

function bytes(text: string | Uint8Array): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text)).buffer;
}

const packr = new Packr({ useRecords: false });

describe('in JSON', () => {
  test.each([
    ['{"type":"Broadcast","id":"a-1","data":{', 'a-1'],
    [' { "id" : "a-1" , "type":"Ping"', 'a-1'],
    ['{"type":"Broadcast","trace":"t","id":"ä","data":', 'ä'],
    ['{"type":"X","data":{"id":"inner"},"id":"a-1"}', 'a-1'],
    ['{"type":"X","data":{"id":"inner","more":1}}', undefined],
    ['{"type":"X","data":{"more":1,"id":"inner"}}', undefined],
    ['{"type":"X","id":"","data":1}', undefined],
    [`{"type":"X","id":"${'x'.repeat(65)}","data":1}`, undefined],
    ['{"type":"X","id":7,"data":1}', undefined],
    [String.raw`{"type":"X","id":"a\n","data":1}`, undefined],
    ['[{"type":"X","id":"a-1"}]', undefined],
    ['xxxxxxxx', undefined],
    ['', undefined],
  ])('%j', (text, id) => {
    expect(idOfLongJson(bytes(text))).toBe(id);
  });

  test('never other than what parsing gives, wherever it stands', () => {
    const member = fc.constantFrom('type', 'trace', 'data', 'more');
    const frame = fc.tuple(
      fc.dictionary(member, fc.jsonValue()),
      fc.string({ minLength: 1, maxLength: 64 }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(frame, ([fields, id, isFirst]) => {
        const text = JSON.stringify(isFirst ? { id, ...fields } : { ...fields, id });
        expect([id, undefined]).toContain(idOfLongJson(bytes(text)));
      }),
    );
  });
});

describe('in MessagePack', () => {
  test.each([
    [{ type: 'Broadcast', id: 'a-1', data: {} }, 'a-1'],
    [{ id: 'ä'.repeat(40), type: 'X' }, 'ä'.repeat(40)],
    [{ type: 'X', data: { id: 'inner' }, id: 'a-1' }, undefined],
    [{ type: 'X', id: 7 }, undefined],
    [{ type: 'X', id: 'x'.repeat(65) }, undefined],
    [[{ id: 'a-1' }], undefined],
  ])('%j', (value, id) => {
    expect(idOfLongMsgpack(bytes(packr.pack(value)))).toBe(id);
  });

  test('nothing that is sent makes it throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (given) => void idOfLongMsgpack(bytes(given))));
  });
});
