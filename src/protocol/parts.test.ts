import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinParts, joinPartsToKeep } from './parts.ts';

const part = fc.string({ unit: fc.constantFrom('\n', ':', '/', '0', '1', '2', 'a', '{', '}', ' '), maxLength: 4 });
const lists = fc.array(part, { maxLength: 4 });

test('two lists of parts make the same key only when they are the same', () => {
  fc.assert(
    fc.property(lists, lists, (left, right) => {
      expect(joinParts(...left) === joinParts(...right)).toBe(JSON.stringify(left) === JSON.stringify(right));
      expect(joinPartsToKeep(...left)).toBe(joinParts(...left));
    }),
    { numRuns: 5_000 },
  );
});

test('the same characters cut at any other place are another key', () => {
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), fc.nat(6), fc.nat(6), (parts, first, second) => {
      const cut = (at: number): [string, string] => {
        const text = parts.join('');
        const place = at % (text.length + 1);
        return [text.slice(0, place), text.slice(place)];
      };
      const [left, right] = [cut(first), cut(second)];
      expect(joinParts(...left) === joinParts(...right)).toBe(left[0] === right[0]);
    }),
    { numRuns: 2_000 },
  );
});
