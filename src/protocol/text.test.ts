import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loneSurrogateAt, notUtf8At, percentProblem, surrogateProblem } from './text.ts';

describe('bytes that are no UTF-8', () => {
  test.each([
    ['', -1],
    ['6162', -1],
    ['e282ac', -1],
    ['efbfbd', -1],
    ['ff', 0],
    ['6180', 1],
    ['c3a980', 2],
    ['61e282', 1],
    ['e28261', 0],
    ['61c0af', 1],
    ['61eda080', 1],
    ['61ef', 1],
    ['61efbf', 1],
    ['61efbf62', 1],
    ['efbfbdff', 3],
    ['61f4908080', 1],
  ])('%s: the first at %i', (hex, at) => {
    expect(notUtf8At(Buffer.from(hex, 'hex'))).toBe(at);
  });

  test('everything before the place is text, nothing longer is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), fc.uint8Array({ maxLength: 6 }), (text, noise) => {
        const bytes = Buffer.concat([Buffer.from(text), noise]);
        const at = notUtf8At(bytes);
        expect(at === -1).toBe(Buffer.from(bytes.toString('utf8')).equals(bytes));
        if (at === -1) return;
        expect(notUtf8At(bytes.subarray(0, at))).toBe(-1);
        for (let end = at + 1; end <= Math.min(bytes.length, at + 4); end += 1)
          expect(notUtf8At(bytes.subarray(0, end))).toBe(at);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('halves of surrogate pairs in JSON', () => {
  test.each([
    [String.raw`"\ud83d\ude00"`, -1],
    [String.raw`"\uD83D\uDE00\n"`, -1],
    [String.raw`"\\ud800"`, -1],
    [String.raw`"\\\\ud800"`, -1],
    [String.raw`"\ud7ff\ue000"`, -1],
    [String.raw`"\ud800"`, 1],
    [String.raw`"\\\ud800"`, 3],
    [String.raw`"\udc00\ud800"`, 1],
    [String.raw`"\ud83d\ude00\ude00"`, 13],
    [String.raw`"\ud83d\ud83d\ude00"`, 1],
    [String.raw`"\ud83d\\ude00"`, 1],
    [String.raw`"\ud83d \ude00"`, 1],
  ])('%s: the first at %i', (json, at) => {
    expect(loneSurrogateAt(json)).toBe(at);
  });

  test('are found exactly when a string of the value is not well formed', () => {
    const piece = fc.constantFrom('\\', '"', 'a', 'é', '😀', '\ud83d', '\ude00', 'ud800', '\n');
    const escapes = (text: string): string =>
      text.replaceAll(/[\ud800-\udfff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.boolean(), (pieces, escapesAll) => {
        const text = pieces.join('');
        const json = escapesAll ? escapes(JSON.stringify(text)) : JSON.stringify(text);
        expect(JSON.parse(json)).toBe(text);
        expect(loneSurrogateAt(json) === -1).toBe(text.isWellFormed());
      }),
      { numRuns: 3_000 },
    );
  });

  test('are told with the place in bytes', () => {
    expect(surrogateProblem(String.raw`["é","\udead"]`)).toMatch(/\\udead\) at byte 7$/);
  });
});

test('percent-encoding of what is no text, and characters that should have been encoded', () => {
  for (const good of ['', '/a/b.c', 'a=b&c=%C3%A9', '%F0%9F%98%80', '%EF%BF%BD'])
    expect(percentProblem(good)).toBeNull();
  for (const [bad, where] of [
    ['/a/%ff', '%ff'],
    ['a=%C3%A9%80&b', '%80'],
    ['%ED%A0%80', '%ED%A0%80'],
    ['100%', '%'],
    ['/é', 'byte 1'],
  ] as const)
    expect(percentProblem(bad)).toContain(where);
});
