/** The log against a plain array, over random sequences of operations. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { SegmentLog } from './segment-log.ts';
import { SegmentPool } from './segment-pool.ts';

interface Entry {
  readonly bytes: Buffer;
  readonly stamp: number;
}

class Model {
  first: number;
  entries: Entry[] = [];
  lastStamp = 0;

  constructor(first: number) {
    this.first = first;
  }

  get next(): number {
    return this.first + this.entries.length;
  }

  sum(from: number, to: number): number {
    return this.entries.slice(from - this.first, to - this.first).reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  dropBefore(first: number): void {
    const gone = Math.min(Math.max(0, first - this.first), this.entries.length);
    this.entries.splice(0, gone);
    this.first += gone;
  }

  trim(maxRecords: number, maxBytes: number, keepFrom: number): void {
    while (this.first < keepFrom && this.entries.length > 0) {
      if (this.entries.length <= maxRecords && this.sum(this.first, this.next) <= maxBytes) return;
      this.dropBefore(this.first + 1);
    }
  }

  reset(next: number): void {
    this.entries = [];
    this.first = next;
  }

  truncate(next: number): void {
    if (next <= this.first) this.reset(next);
    else this.entries.splice(next - this.first);
  }
}

interface Pair {
  readonly log: SegmentLog;
  readonly model: Model;
  readonly pool: SegmentPool;
}

/** Everything that can be asked, at a place that is anywhere in the log. */
function compare({ log, model }: Pair, place: number): void {
  const { first, next, entries } = model;
  expect([log.first, log.next, log.length, log.bytes]).toEqual([first, next, next - first, model.sum(first, next)]);
  if (entries.length === 0) {
    expect(log.bytesBetween(first - 1, next - 1)).toBe(0);
    expect(log.firstSince(0)).toBe(next);
    return;
  }
  const low = first + (place % entries.length);
  const high = low + ((place >> 4) % (next - low));
  const { bytes, stamp } = entries[low - first] as Entry;
  expect(Buffer.from(log.record(low)).equals(bytes)).toBe(true);
  expect(log.stamp(low)).toBe(stamp);
  expect(log.bytesBetween(low - 1, high)).toBe(model.sum(low, high + 1));
  const since = entries.findIndex((entry) => entry.stamp >= stamp - 1);
  expect(log.firstSince(stamp - 1)).toBe(first + since);
  expect(log.firstSince(Infinity)).toBe(next);
  const maxRecords = 1 + (place % 7);
  const maxBytes = place % 5_000;
  const end = log.fit(low - 1, high, maxRecords, maxBytes);
  expect(end).toBeGreaterThanOrEqual(low);
  expect(end).toBeLessThanOrEqual(Math.min(high, low - 1 + maxRecords));
  expect(end === low || model.sum(low, end + 1) <= maxBytes).toBe(true);
  const mightBeLonger = end < Math.min(high, low - 1 + maxRecords);
  if (mightBeLonger) expect(model.sum(low, end + 2)).toBeGreaterThan(maxBytes);
}

type Operation = (pair: Pair, place: number) => void;

const sizes = fc.oneof(
  { weight: 6, arbitrary: fc.nat(300) },
  { weight: 3, arbitrary: fc.integer({ min: 900, max: 5_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 70_000 }) },
);

const append = fc.tuple(sizes, fc.boolean(), fc.nat(3)).map(([size, asText, later]): Operation => (pair) => {
  const text = String.fromCharCode(97 + (size % 26)).repeat(size);
  const bytes = Buffer.from(asText ? text.replace(/^../, 'é') : text);
  pair.model.lastStamp += later;
  const stamp = pair.model.lastStamp;
  expect(pair.log.append(asText ? bytes.toString() : bytes, stamp)).toBe(bytes.length);
  pair.model.entries.push({ bytes, stamp });
});
const trim = fc
  .tuple(fc.nat(40), fc.oneof(fc.nat(20_000), fc.constant(Infinity)), fc.boolean())
  .map(([records, bytes, byDefault]): Operation => ({ log, model }, place) => {
    const keepFrom = byDefault ? log.next - 1 : log.first + (place % (log.length + 1));
    if (byDefault) log.trim(records, bytes);
    else log.trim(records, bytes, keepFrom);
    model.trim(records, bytes, keepFrom);
  });
const dropBefore = fc.integer({ min: -3, max: 30 }).map((offset): Operation => ({ log, model }) => {
  const first = log.first + offset;
  log.dropBefore(first);
  model.dropBefore(first);
});
const truncate = fc.integer({ min: -20, max: 3 }).map((offset): Operation => ({ log, model }) => {
  const next = Math.max(0, log.next + offset);
  log.truncate(next);
  model.truncate(next);
});
const reset = fc.nat(1_000).map((next): Operation => ({ log, model }) => {
  log.reset(next);
  model.reset(next);
});

const operations = fc.array(
  fc.tuple(
    fc.oneof(
      { weight: 12, arbitrary: append },
      { weight: 3, arbitrary: trim },
      { weight: 2, arbitrary: dropBefore },
      { weight: 2, arbitrary: truncate },
      { weight: 1, arbitrary: reset },
    ),
    fc.nat(),
  ),
  { maxLength: 120, size: 'max' },
);

test('a log does what an array does, and gives all its memory back', () => {
  fc.assert(
    fc.property(fc.nat(1_000), fc.nat(200_000), operations, (first, keepBytes, list) => {
      const pool = new SegmentPool(keepBytes);
      const pair = { pool, log: new SegmentLog(pool, first), model: new Model(first) };
      for (const [operation, place] of list) {
        operation(pair, place);
        compare(pair, place);
        expect(pool.inUse).toBeGreaterThanOrEqual(pair.log.bytes);
      }
      pair.log.reset(1);
      expect(pool.inUse).toBe(0);
    }),
    { numRuns: 150 },
  );
});

test('two logs of one pool never write into each other', () => {
  const step = fc.tuple(fc.boolean(), fc.nat(2_000), fc.boolean());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const pool = new SegmentPool(100_000);
      const pairs = [0, 1].map((number) => ({
        log: new SegmentLog(pool, 1),
        model: new Model(1),
        letter: 'ab'[number] ?? '',
      }));
      for (const [second, size, drop] of steps) {
        const { log, model, letter } = pairs[second ? 1 : 0] as (typeof pairs)[number];
        const bytes = Buffer.from(letter.repeat(size));
        log.append(bytes, 0);
        model.entries.push({ bytes, stamp: 0 });
        if (drop) {
          log.trim(3, Infinity);
          model.trim(3, Infinity, model.next - 1);
        }
        for (const pair of pairs) {
          for (const [at, entry] of pair.model.entries.entries()) {
            expect(entry.bytes.equals(pair.log.record(pair.model.first + at))).toBe(true);
          }
        }
      }
    }),
    { numRuns: 50 },
  );
});
