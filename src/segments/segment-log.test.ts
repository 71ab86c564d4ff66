import { describe, expect, test } from 'vitest';
import { SegmentLog } from './segment-log.ts';
import { SegmentPool } from './segment-pool.ts';

function logOf(records: readonly string[], pool = new SegmentPool(0)): SegmentLog {
  const log = new SegmentLog(pool, 1);
  for (const [at, record] of records.entries()) log.append(record, at);
  return log;
}

function contents(log: SegmentLog): string[] {
  return Array.from({ length: log.length }, (_, at) => Buffer.from(log.record(log.first + at)).toString());
}

describe('records', () => {
  test('are numbered densely from where the log began', () => {
    const log = new SegmentLog(new SegmentPool(0), 7);
    expect([log.first, log.next, log.length, log.bytes]).toEqual([7, 7, 0, 0]);
    log.append('a', 0);
    log.append('bc', 0);
    expect([log.first, log.next, log.length, log.bytes]).toEqual([7, 9, 2, 3]);
    expect(contents(log)).toEqual(['a', 'bc']);
  });

  test('text is stored and counted as UTF-8, bytes as they are', () => {
    const log = new SegmentLog(new SegmentPool(0), 1);
    expect(log.append('é€😀', 0)).toBe(9);
    expect(log.append(Uint8Array.of(0, 255, 7), 0)).toBe(3);
    expect(contents(log)[0]).toBe('é€😀');
    expect([...log.record(2)]).toEqual([0, 255, 7]);
    expect(log.bytes).toBe(12);
  });

  test('may be empty, and larger than any segment', () => {
    const large = 'x'.repeat(200_000);
    const log = logOf(['', large, '', 'y', '']);
    expect(contents(log)).toEqual(['', large, '', 'y', '']);
    expect(log.bytes).toBe(200_001);
  });

  test('that were dropped are not held any more', () => {
    const log = logOf(Array.from({ length: 10 }, () => 'x'.repeat(1_000)));
    log.dropBefore(9);
    expect(() => log.record(3)).toThrow(RangeError);
    expect(contents(log)).toHaveLength(2);
  });
});

describe('trimming', () => {
  const ten = Array.from({ length: 10 }, () => 'x'.repeat(100));

  test('keeps at most so many records', () => {
    const log = logOf(ten);
    log.trim(4, Infinity);
    expect([log.first, log.next]).toEqual([7, 11]);
  });

  test('keeps at most so many bytes', () => {
    const log = logOf(ten);
    log.trim(100, 399);
    expect([log.length, log.bytes]).toEqual([3, 300]);
  });

  test('always keeps the newest record', () => {
    const log = logOf(ten);
    log.trim(0, 0);
    expect([log.first, log.length]).toEqual([10, 1]);
  });

  test('keeps what it was told to keep, whatever the limits say', () => {
    const log = logOf(ten);
    log.trim(1, 0, 4);
    expect([log.first, log.next]).toEqual([4, 11]);
    log.trim(1, 0, 2);
    expect(log.first).toBe(4);
    log.trim(5, Infinity, 11);
    expect(log.first).toBe(6);
    log.trim(0, 0, 11);
    expect([log.first, log.next, log.bytes]).toEqual([11, 11, 0]);
  });

  test('gives memory back as soon as a segment holds nothing that is kept', () => {
    const pool = new SegmentPool(0);
    const log = logOf(
      Array.from({ length: 300 }, () => 'x'.repeat(1_000)),
      pool,
    );
    const full = pool.inUse;
    expect(full).toBeGreaterThanOrEqual(300_000);
    log.trim(1, Infinity);
    expect(pool.inUse).toBeLessThanOrEqual(65_536);
    log.dropBefore(log.next);
    expect(pool.inUse).toBe(0);
    log.append('again', 0);
    expect(contents(log)).toEqual(['again']);
  });
});

test('taking back the newest leaves room for others with the same numbers', () => {
  const log = logOf(['a', 'b', 'c', 'd']);
  log.truncate(3);
  expect([log.next, log.bytes]).toEqual([3, 2]);
  log.append('C', 9);
  expect(contents(log)).toEqual(['a', 'b', 'C']);
  expect(log.stamp(3)).toBe(9);
  log.truncate(9);
  expect(log.next).toBe(4);
  log.truncate(1);
  expect([log.first, log.next, log.bytes]).toEqual([1, 1, 0]);
});

test('what fits is at least one record, and never more than asked for', () => {
  const log = logOf(['aaaa', 'bbbb', 'cccc', 'dddd']);
  expect(log.fit(0, 4, 100, 100)).toBe(4);
  expect(log.fit(0, 4, 2, 100)).toBe(2);
  expect(log.fit(0, 3, 100, 100)).toBe(3);
  expect(log.fit(0, 4, 100, 8)).toBe(2);
  expect(log.fit(0, 4, 100, 7)).toBe(1);
  expect(log.fit(0, 4, 100, 3)).toBe(1);
  expect(log.fit(3, 4, 100, 0)).toBe(4);
});

test('a time is found by its first record', () => {
  const log = new SegmentLog(new SegmentPool(0), 1);
  for (const stamp of [10, 20, 20, 30]) log.append('x', stamp);
  expect([5, 10, 11, 20, 21, 30, 31].map((stamp) => log.firstSince(stamp))).toEqual([1, 1, 2, 2, 4, 4, 5]);
  log.dropBefore(3);
  expect([5, 20, 31].map((stamp) => log.firstSince(stamp))).toEqual([3, 3, 5]);
});
