import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { characters } from '../../test/kit/characters.ts';
import { sliceElements, sliceField, sliceMember } from './json-slice.ts';

const space = fc.constantFrom('', '', ' ', '\n', '\t', '\r\n  ');
const scalars = fc.oneof(
  fc.constantFrom('0', '-0', '-1.5', '1e5', '2.5E-3', '12345678901234567890', '1e999', 'true', 'false', 'null'),
  fc.string({ unit: characters }).map((text) => JSON.stringify(text)),
  fc.constantFrom(String.raw`"\""`, String.raw`"\\"`, String.raw`"\\\""`, String.raw`"\ud800"`, '"}"', '"],{"', '""'),
);
const plainKeys = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('"data"', '"payload"') },
  { weight: 1, arbitrary: fc.constantFrom('""', '"dat"', '"data1"', '"Data"', '"payload "', '"é"', '"a:b,{}[]"') },
);
const escapedKeys = fc.constantFrom(
  String.raw`"\u0064ata"`,
  String.raw`"pay\u006coad"`,
  String.raw`"\""`,
  String.raw`"\\"`,
  String.raw`"a\/b"`,
);

/** Texts of JSON objects with any white space, and with the two names everywhere. */
function objectTexts(keys: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const { object } = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
    value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalars, tie('array'), tie('object')),
    array: fc
      .array(fc.tuple(space, tie('value'), space), { maxLength: 3 })
      .map((items) => `[${items.map((item) => item.join('')).join(',')}]`),
    object: fc
      .tuple(
        space,
        fc.array(fc.tuple(space, keys, space, fc.constant(':'), space, tie('value'), space), { maxLength: 4 }),
      )
      .map(([inside, members]) => `{${inside}${members.map((member) => member.join('')).join(',')}}`),
  }));
  return fc.tuple(space, object, space).map((parts) => parts.join(''));
}

/** `{present: false}`, or the value that `JSON.parse` finds. */
function reference(text: string): { present: boolean; value?: unknown } {
  const { data } = JSON.parse(text) as { data?: unknown };
  if (typeof data !== 'object' || data === null || Array.isArray(data) || !Object.hasOwn(data, 'payload')) {
    return { present: false };
  }
  return { present: true, value: (data as { payload: unknown }).payload };
}

test('the slice is the text of what JSON.parse finds, and nothing exactly if it finds nothing', () => {
  let found = 0;
  fc.assert(
    fc.property(objectTexts(plainKeys), (text) => {
      const slice = sliceMember(text, 'data', 'payload');
      const { present, value } = reference(text);
      expect(slice !== null).toBe(present);
      if (slice === null) return;
      found += 1;
      expect(JSON.parse(slice)).toStrictEqual(value);
      expect(slice).toBe(slice.trim());
      expect(text).toContain(slice);
    }),
    { numRuns: 2_000 },
  );
  expect(found).toBeGreaterThan(100);
});

test('with escaped keys about, the slice is right or there is none', () => {
  let found = 0;
  const keys = fc.oneof({ weight: 4, arbitrary: plainKeys }, { weight: 1, arbitrary: escapedKeys });
  fc.assert(
    fc.property(objectTexts(keys), (text) => {
      const slice = sliceMember(text, 'data', 'payload');
      if (slice === null) return;
      found += 1;
      expect({ present: true, value: JSON.parse(slice) as unknown }).toStrictEqual(reference(text));
    }),
    { numRuns: 2_000 },
  );
  expect(found).toBeGreaterThan(20);
});

describe('single cases', () => {
  test.each([
    ['{"data":{"payload":1}}', '1'],
    ['{"data":{"payload": {"payload":2} }}', '{"payload":2}'],
    ['{"payload":9,"data":{"a":[{"payload":8}],"payload":"x"}}', '"x"'],
    ['{"data":{"payload":1},"data":{"payload":2}}', '2'],
    ['{"data":{"payload":1,"payload":[2, 3]}}', '[2, 3]'],
    [String.raw`{"data":{"payload":"a\"}b"}}`, String.raw`"a\"}b"`],
    [String.raw`{"data":{"payload":"\\","x":1}}`, String.raw`"\\"`],
    ['{"data":{"payload":-0}}', '-0'],
    ['{"data":{"payload":12345678901234567890}}', '12345678901234567890'],
  ])('%s gives %s', (text, slice) => {
    expect(sliceMember(text, 'data', 'payload')).toBe(slice);
  });

  test.each([
    '{}',
    '{"data":5}',
    '{"data":null}',
    '{"data":[{"payload":1}]}',
    '{"data":"{\\"payload\\":1}"}',
    '{"data":{}}',
    '{"data":{"Payload":1}}',
    '{"data":{"payload":1},"data":{}}',
    '[]',
    '5',
    '',
    '{"payload":1}',
  ])('%s gives nothing', (text) => {
    expect(sliceMember(text, 'data', 'payload')).toBeNull();
  });

  test.each([
    String.raw`{"\u0064ata":{"payload":1}}`,
    String.raw`{"data":{"pay\u006coad":1}}`,
    String.raw`{"data":{"payload":1},"d\u0061ta":{"payload":2}}`,
    String.raw`{"data":{"payload":1,"pay\u006coad":2}}`,
  ])('%s has an escaped key on the way, so the value has to be printed', (text) => {
    expect(sliceMember(text, 'data', 'payload')).toBeNull();
  });
});

describe('fields and elements', () => {
  test('the slice of a field is the text of what JSON.parse finds, and nothing exactly if it finds nothing', () => {
    let found = 0;
    fc.assert(
      fc.property(objectTexts(plainKeys), (text) => {
        const value = JSON.parse(text) as Record<string, unknown>;
        const slice = sliceField(text, 'payload');
        expect(slice !== null).toBe(Object.hasOwn(value, 'payload'));
        if (slice === null) return;
        found += 1;
        expect(JSON.parse(slice)).toStrictEqual(value['payload']);
        expect(slice).toBe(slice.trim());
      }),
      { numRuns: 2_000 },
    );
    expect(found).toBeGreaterThan(100);
  });

  test('the slices of an array are the texts of its elements', () => {
    const elements = fc.array(fc.oneof(objectTexts(plainKeys), scalars, fc.constant('[1, [2]]')), { maxLength: 4 });
    fc.assert(
      fc.property(space, fc.array(fc.tuple(space, space)), elements, (inside, spaces, texts) => {
        const parts = texts.map((text, at) => `${spaces[at]?.[0] ?? ''}${text}${spaces[at]?.[1] ?? ''}`);
        const array = `${inside}[${texts.length === 0 ? inside : parts.join(',')}]${inside}`;
        const slices = sliceElements(array);
        expect(slices).toEqual(texts.map((text) => text.trim()));
        expect(slices.map((slice) => JSON.parse(slice) as unknown)).toStrictEqual(JSON.parse(array));
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['[]', []],
    [' [ ] ', []],
    ['[1]', ['1']],
    ['[ "a]", [ ],{ } ]', ['"a]"', '[ ]', '{ }']],
    [String.raw`["\\",""]`, [String.raw`"\\"`, '""']],
  ])('%s', (text, slices) => {
    expect(sliceElements(text)).toEqual(slices);
  });
});
