/** What bench/drain says of a client: what was lost, what came twice or late, and how long it heard nothing. */
import { describe, expect, test } from 'vitest';
import { ReaderRecord } from '../bench/drain/reader-record.ts';

function recordOf(messages: readonly (readonly [n: number, now: number])[]): ReaderRecord {
  const record = new ReaderRecord('drain.room-0');
  for (const [n, now] of messages) record.message({ n, at: now - 1, text: '' }, now);
  return record;
}

describe('messages', () => {
  test.each([
    { what: 'all, in order', got: [1, 2, 3, 4], found: {} },
    { what: 'one twice', got: [1, 2, 2, 3, 4], found: { repeated: 1 } },
    { what: 'one after a later one', got: [1, 3, 2, 4], found: { disordered: 1 } },
    { what: 'one that never came', got: [1, 3, 4], found: { lost: 1 } },
    { what: 'the first and the last never', got: [2, 3], found: { lost: 2 } },
    { what: 'nothing at all', got: [], found: { lost: 4 } },
  ])('$what', ({ got, found }) => {
    const record = recordOf(got.map((n, at) => [n, at]));
    record.expect(4, []);
    expect(record.hasAll).toBe(!('lost' in found));
    expect(record.delivery()).toEqual({ lost: 0, repeated: 0, disordered: 0, gaps: 0, ...found });
  });

  test('a message that its publisher was told is not there is not lost', () => {
    const record = recordOf([
      [1, 1],
      [3, 3],
    ]);
    record.expect(4, [2, 4]);
    expect([record.hasAll, record.delivery().lost]).toEqual([true, 0]);
  });
});

describe('silence', () => {
  test('is the longest time between two messages, over the bound of two windows too', () => {
    const record = recordOf([
      [1, 100],
      [2, 300],
      [3, 350],
    ]);
    expect(record.window(400)).toMatchObject({ longestMs: 200, latestMs: 1 });
    record.message({ n: 4, at: 999, text: '' }, 1_000);
    expect(record.window(1_100)).toMatchObject({ longestMs: 650 });
  });

  test('of a client that hears nothing any more lasts until now', () => {
    expect(recordOf([[1, 100]]).window(5_100)).toMatchObject({ longestMs: 5_000 });
    expect(recordOf([]).window(5_100)).toMatchObject({ longestMs: 0 });
  });
});
