import { describe, expect, test } from 'vitest';
import { PreparedRanges, type TailRange } from './prepared-ranges.ts';

const MAX_MESSAGES = 10;
const MAX_BYTES = 100;

/** Messages of ten bytes each. */
function range(after: number, to: number, maxBytes = MAX_BYTES): TailRange {
  const frames = Array.from({ length: to - after }, () => new Uint8Array(10));
  return {
    after,
    to,
    frames,
    bytes: frames.length * 10,
    maxBytes,
    replayed: false,
    batch: null,
    arrivedAt: 0,
    next: null,
  };
}

describe('prepared ranges', () => {
  test('are found by neighbours that need several writes each', () => {
    const ranges = new PreparedRanges();
    const made = [range(0, 10), range(10, 20), range(20, 25)];
    const ask = (after: number): TailRange | null => ranges.find(after, 25, MAX_MESSAGES, MAX_BYTES);
    for (const each of made) {
      expect(ask(each.after)).toBe(null);
      ranges.add(each);
    }
    for (let neighbour = 0; neighbour < 3; neighbour += 1) expect([0, 10, 20].map(ask)).toEqual(made);
  });

  test('are found by neighbours that all have their first write before their second', () => {
    const ranges = new PreparedRanges();
    const [first, second] = [range(0, 10), range(10, 12)];
    ranges.add(first);
    expect(ranges.find(0, 12, MAX_MESSAGES, MAX_BYTES)).toBe(first);
    ranges.add(second);
    expect(ranges.find(10, 12, MAX_MESSAGES, MAX_BYTES)).toBe(second);
    expect(ranges.find(10, 12, MAX_MESSAGES, MAX_BYTES)).toBe(second);
  });

  test('are not what a write of another length would be', () => {
    const ranges = new PreparedRanges();
    ranges.add(range(0, 5));
    // All that there was: anybody may have it who has room for it.
    expect(ranges.find(0, 5, MAX_MESSAGES, 60)).not.toBe(null);
    expect(ranges.find(0, 5, MAX_MESSAGES, 49)).toBe(null);
    expect(ranges.find(0, 5, 4, MAX_BYTES)).toBe(null);
    // There is more now, and it has room for more only if it was not full.
    ranges.add(range(0, 5, 50));
    expect(ranges.find(0, 9, MAX_MESSAGES, 50)).not.toBe(null);
    expect(ranges.find(0, 9, MAX_MESSAGES, MAX_BYTES)).toBe(null);
  });

  test('are found also when a single message is longer than a write', () => {
    const ranges = new PreparedRanges();
    const long = range(0, 1, 5);
    ranges.add(long);
    expect(ranges.find(0, 9, MAX_MESSAGES, 5)).toBe(long);
    expect(ranges.find(0, 1, MAX_MESSAGES, 5)).toBe(long);
    expect(ranges.find(0, 1, MAX_MESSAGES, 6)).toBe(null);
  });

  test('are gone when they are cleared', () => {
    const ranges = new PreparedRanges();
    ranges.add(range(0, 5));
    ranges.clear();
    expect(ranges.find(0, 5, MAX_MESSAGES, MAX_BYTES)).toBe(null);
  });
});
