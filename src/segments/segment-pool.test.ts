import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SegmentPool } from './segment-pool.ts';

const KILO = 1_024;

describe('sizes', () => {
  test('the first segments of a log are small, the fourth and all further ones large', () => {
    const pool = new SegmentPool(0);
    const sizes = [0, 1, 2, 3, 4, 100].map((ordinal) => pool.acquire(ordinal, 1).byteLength / KILO);
    expect(sizes).toEqual([1, 4, 16, 64, 64, 64]);
  });

  test('a record that does not fit gets the next size that it fits into', () => {
    const pool = new SegmentPool(0);
    const sizes = [1 * KILO, 1 * KILO + 1, 16 * KILO, 64 * KILO].map(
      (needed) => pool.acquire(0, needed).byteLength / KILO,
    );
    expect(sizes).toEqual([1, 4, 16, 64]);
  });

  test('a record larger than every size gets memory of its own', () => {
    const pool = new SegmentPool(1_000_000);
    const own = pool.acquire(0, 65_537);
    expect(own.byteLength).toBe(65_544);
    pool.release(own);
    expect(pool.acquire(0, 65_537)).not.toBe(own);
  });
});

describe('recycling', () => {
  test('what was released is handed out again, to the next that needs that size', () => {
    const pool = new SegmentPool(64 * KILO);
    const first = pool.acquire(0, 10);
    const second = pool.acquire(1, 10);
    pool.release(first);
    pool.release(second);
    expect(pool.acquire(1, 10)).toBe(second);
    expect(pool.acquire(1, 10)).not.toBe(first);
    expect(pool.acquire(0, 10)).toBe(first);
    expect(pool.acquire(0, 10)).not.toBe(first);
  });

  test('goes on as long as there is use for it', () => {
    const pool = new SegmentPool(1 * KILO);
    const segment = pool.acquire(0, 1);
    for (let round = 0; round < 5; round += 1) {
      pool.release(segment);
      expect(pool.acquire(0, 1)).toBe(segment);
    }
  });

  test('nothing is kept beyond the bound', () => {
    const pool = new SegmentPool(10 * KILO);
    const released = new Set(Array.from({ length: 20 }, () => pool.acquire(0, 1)));
    for (const segment of released) pool.release(segment);
    const recycled = Array.from({ length: 20 }, () => pool.acquire(0, 1)).filter((segment) => released.has(segment));
    expect(recycled).toHaveLength(10);
  });
});

test('whatever is taken and given back, the bytes in use add up and what is kept stays within its bound', () => {
  const step = fc.record({
    give: fc.boolean(),
    at: fc.nat(),
    ordinal: fc.nat(5),
    needed: fc.integer({ min: 0, max: 70_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(100 * KILO), (steps, keepBytes) => {
      const pool = new SegmentPool(keepBytes);
      const held: Buffer[] = [];
      const given = new Set<Buffer>();
      let reusable = 0;
      for (const { give, at, ordinal, needed } of steps) {
        if (give && held.length > 0) {
          const [segment] = held.splice(at % held.length, 1) as [Buffer];
          pool.release(segment);
          given.add(segment);
        } else {
          const segment = pool.acquire(ordinal, needed);
          expect(segment.byteLength).toBeGreaterThanOrEqual(needed);
          expect(held.includes(segment)).toBe(false);
          given.delete(segment);
          held.push(segment);
        }
        expect(pool.inUse).toBe(held.reduce((sum, { byteLength }) => sum + byteLength, 0));
      }
      for (const segment of held) {
        pool.release(segment);
        given.add(segment);
      }
      expect(pool.inUse).toBe(0);
      // Everything that the pool still has comes back when every size is asked for often enough.
      for (const ordinal of [0, 1, 2, 3]) {
        for (let more = true; more;) {
          const segment = pool.acquire(ordinal, 0);
          more = given.delete(segment);
          if (more) reusable += segment.byteLength;
        }
      }
      expect(reusable).toBeLessThanOrEqual(keepBytes);
    }),
  );
});
