import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cursorOf, digestOf, readCursor } from './cursor.ts';

const epochs = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const positions = fc.option(fc.record({ epoch: epochs, sequence: fc.maxSafeNat() }));
const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `topic.${at}`).sort();

describe('a cursor', () => {
  test('is read as it was written, for one topic and for many', () => {
    fc.assert(
      fc.property(fc.array(positions, { minLength: 1, maxLength: 30 }), (given) => {
        const topics = names(given.length);
        const text = cursorOf(digestOf(topics), given);
        fc.pre(text.length <= 4_096);
        expect(text).toMatch(/^[!-~]*$/);
        expect(readCursor(text, topics)).toEqual(given);
      }),
      { numRuns: 1_000 },
    );
  });

  test('of one topic is what people write', () => {
    expect(cursorOf('', [{ epoch: 'e', sequence: 12 }])).toBe('e:12');
    expect(readCursor('e:12', ['a'])).toEqual([{ epoch: 'e', sequence: 12 }]);
  });

  test('that is any text at all, or a changed one, is read as positions or not at all', () => {
    const topics = names(3);
    const good = cursorOf(
      digestOf(topics),
      topics.map((_, at) => ({ epoch: `e${at}`, sequence: at * 1_000 })),
    );
    const changed = fc
      .tuple(fc.nat(good.length), fc.nat(3), fc.string({ maxLength: 4 }))
      .map(([at, cut, text]) => good.slice(0, at) + text + good.slice(at + cut));
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), changed),
        fc.constantFrom(1, 3),
        (text, count) => {
          const read = readCursor(text, names(count));
          if (read === null) return;
          expect(read).toHaveLength(count);
          for (const position of read) {
            if (position === null) continue;
            expect(position.epoch).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
            expect(Number.isSafeInteger(position.sequence) && position.sequence >= 0).toBe(true);
          }
        },
      ),
      { numRuns: 5_000 },
    );
  });

  test('of other topics, of fewer, or of the same in another order, is none', () => {
    const text = cursorOf(digestOf(['a', 'b']), [null, null]);
    expect(readCursor(text, ['a', 'b'])).toEqual([null, null]);
    expect(readCursor(text, ['a', 'c'])).toBeNull();
    expect(readCursor(text, ['b', 'a'])).toBeNull();
    expect(readCursor(text, ['a', 'b', 'c'])).toBeNull();
    expect(readCursor(text, ['a'])).toBeNull();
    expect(readCursor('x'.repeat(4_097), ['a'])).toBeNull();
  });
});
