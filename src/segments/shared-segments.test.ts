/** Logs that share segments: what one has written is in the other without a copy, whatever either of them drops. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NOT_SHARED, SegmentLog } from './segment-log.ts';
import { SegmentPool } from './segment-pool.ts';
import type { Segment } from './segment.ts';

interface Sharing {
  readonly log: SegmentLog;
  readonly logPool: SegmentPool;
  readonly tail: SegmentLog;
  readonly tailPool: SegmentPool;
}

function open(next = 1): Sharing {
  const logPool = new SegmentPool(1_000_000);
  const tailPool = new SegmentPool(1_000_000);
  return { log: new SegmentLog(logPool, next), logPool, tail: new SegmentLog(tailPool, next), tailPool };
}

function write({ log, tail }: Sharing, ...records: string[]): void {
  for (const [at, record] of records.entries()) {
    log.append(record, at, 100 + at);
    tail.share(log.newest as Segment);
  }
}

function contents(log: SegmentLog): string[] {
  return Array.from({ length: log.length }, (_, at) => Buffer.from(log.record(log.first + at)).toString());
}

describe('a shared record', () => {
  test('is the same memory under the same number, with its size and its times', () => {
    const sharing = open(7);
    write(sharing, 'a', 'bcd');
    const { log, tail, tailPool } = sharing;
    expect(contents(tail)).toEqual(['a', 'bcd']);
    expect([tail.first, tail.next, tail.bytes]).toEqual([7, 9, 4]);
    expect([tail.stamp(8), tail.arrivedAt(8)]).toEqual([1, 101]);
    expect(tail.record(8).buffer).toBe(log.record(8).buffer);
    expect(tailPool.inUse).toBe(0);
  });

  test('is refused when the segment does not hold it', () => {
    const { log, tail } = open();
    log.append('a', 0);
    const segment = log.newest as Segment;
    tail.reset(2);
    expect(tail.share(segment)).toBe(NOT_SHARED);
    const later = open(5);
    later.log.append('e', 0);
    expect(tail.share(later.log.newest as Segment)).toBe(NOT_SHARED);
    expect([tail.first, tail.next]).toEqual([2, 2]);
  });

  test('is refused when the log has let go of it, for its memory is used for something else', () => {
    const { log, tail } = open();
    log.append('a', 0);
    const segment = log.newest as Segment;
    log.reset(1);
    expect(tail.share(segment)).toBe(NOT_SHARED);
  });

  test('stays when the log lets go of it, and counts as the memory of who still holds it', () => {
    const sharing = open();
    write(sharing, 'a', 'b');
    const { log, logPool, tail, tailPool } = sharing;
    const size = logPool.inUse;
    log.reset(1);
    expect([logPool.inUse, tailPool.inUse]).toEqual([0, size]);
    log.append('x', 0);
    expect(contents(tail)).toEqual(['a', 'b']);
    tail.reset(1);
    expect([logPool.inUse, tailPool.inUse]).toEqual([size, 0]);
    expect(contents(log)).toEqual(['x']);
  });

  test('goes back to the memory that it came from', () => {
    const sharing = open();
    write(sharing, 'a');
    const { log, tail } = sharing;
    const memory = log.record(1).buffer;
    log.reset(1);
    tail.reset(1);
    log.append('b', 0);
    expect(log.record(1).buffer).toBe(memory);
  });

  test('is not written over when the log takes it back', () => {
    const sharing = open();
    write(sharing, 'a', 'b');
    const { log, tail } = sharing;
    log.truncate(2);
    log.append('B', 0);
    expect(contents(log)).toEqual(['a', 'B']);
    expect(contents(tail)).toEqual(['a', 'b']);
  });

  test('may come before and after one of the tail’s own', () => {
    const { log, tail } = open();
    for (const record of ['a', 'b', 'c', 'd', 'e']) {
      log.append(record, 0);
      if (record === 'b' || record === 'd') tail.append('own', 0);
      else expect(tail.share(log.newest as Segment)).toBe(1);
    }
    expect(contents(tail)).toEqual(['a', 'own', 'c', 'own', 'e']);
    expect(tail.bytesBetween(1, 3)).toBe(4);
  });
});

test('copies of records are in one piece of memory and stay when the log goes on', () => {
  const { log } = open();
  for (const record of ['a', 'bc', 'def']) log.append(record, 0);
  const copies = log.copies(2, 3);
  log.reset(1);
  log.append('zzzzzz', 0);
  expect(copies.map((copy) => Buffer.from(copy).toString())).toEqual(['bc', 'def']);
  expect(copies[0]?.buffer).toBe(copies[1]?.buffer);
  expect(log.copies(2, 1)).toEqual([]);
});

interface Told {
  readonly sequence: number;
  readonly record: string;
  readonly segment: Segment;
}

/** A log, a tail that is told of every record sooner or later, and what the tail must hold. */
class Pair {
  readonly sharing = open();
  readonly told: Told[] = [];
  held: string[] = [];
  shared = 0;
  private written = 0;

  write(size: number): void {
    const { log } = this.sharing;
    this.written += 1;
    const record = `${this.written}:`.padEnd(size, 'x');
    const sequence = log.next;
    log.append(record, 0);
    this.told.push({ sequence, record, segment: log.newest as Segment });
  }

  tell(): void {
    const { tail } = this.sharing;
    const next = this.told.shift();
    if (next === undefined) return;
    if (next.sequence !== tail.next) {
      tail.reset(next.sequence);
      this.held = [];
    }
    if (tail.share(next.segment) === NOT_SHARED) tail.append(next.record, 0);
    else this.shared += 1;
    this.held.push(next.record);
  }

  trimTail(count: number): void {
    const { tail } = this.sharing;
    tail.trim(count, Infinity, tail.next);
    this.held = count === 0 ? [] : this.held.slice(-count);
  }

  cutTail(count: number): void {
    const { tail } = this.sharing;
    tail.truncate(tail.next - count);
    this.held = this.held.slice(0, Math.max(0, this.held.length - count));
  }
}

test('a tail holds what it was told, however late, and whatever the log has dropped since', () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.nat(3_000).map((size) => (pair: Pair) => pair.write(size)) },
    { weight: 8, arbitrary: fc.constant((pair: Pair) => pair.tell()) },
    {
      weight: 2,
      arbitrary: fc.nat(20).map(
        (count) =>
          ({ sharing: { log } }: Pair) =>
            log.trim(count, Infinity),
      ),
    },
    { weight: 2, arbitrary: fc.nat(20).map((count) => (pair: Pair) => pair.trimTail(count)) },
    { weight: 1, arbitrary: fc.nat(5).map((count) => (pair: Pair) => pair.cutTail(count)) },
    { weight: 1, arbitrary: fc.constant(({ sharing: { log } }: Pair) => log.reset(1)) },
  );
  let shared = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const pair = new Pair();
      const { log, logPool, tail, tailPool } = pair.sharing;
      for (const apply of steps) {
        apply(pair);
        expect(contents(tail)).toEqual(pair.held);
        expect(tail.bytes).toBe(pair.held.join('').length);
        expect(logPool.inUse + tailPool.inUse).toBeGreaterThanOrEqual(Math.max(tail.bytes, log.bytes));
      }
      shared += pair.shared;
      log.reset(1);
      expect(logPool.inUse).toBe(0);
      tail.reset(1);
      expect([logPool.inUse, tailPool.inUse]).toEqual([0, 0]);
    }),
    { numRuns: 200 },
  );
  expect(shared).toBeGreaterThan(500);
});
