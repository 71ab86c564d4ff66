import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Counters, Histogram, Tally } from './counters.ts';

describe('a tally', () => {
  test('counts by key and knows its total', () => {
    const tally = new Tally();
    tally.add('a');
    tally.add('b', 3);
    tally.add('a', 2);
    expect([tally.get('a'), tally.get('b'), tally.get('c'), tally.total]).toEqual([3, 3, 0, 6]);
    expect([...tally.counts]).toEqual([
      ['a', 3],
      ['b', 3],
    ]);
  });

  test('that counted nothing is zero', () => {
    expect([new Tally().total, new Tally().get('constructor')]).toEqual([0, 0]);
  });
});

describe('a histogram', () => {
  test('counts a value at a bound towards that bound, and one beyond the last apart', () => {
    const histogram = new Histogram([1, 5, 10]);
    for (const value of [0, 1, 1.001, 5, 10, 10.5, Infinity]) histogram.observe(value);
    expect(histogram.counts).toEqual([2, 2, 1, 2]);
    expect(histogram.count).toBe(7);
  });

  test('adds up for any values', () => {
    const bounds = fc
      .uniqueArray(fc.integer({ min: -50, max: 50 }), { maxLength: 8 })
      .map((list) => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(bounds, fc.array(fc.integer({ min: -60, max: 60 })), (limits, values) => {
        const histogram = new Histogram(limits);
        for (const value of values) histogram.observe(value);
        expect(histogram.counts).toHaveLength(limits.length + 1);
        // Cumulated, as the exposition format wants them.
        let below = 0;
        for (const [at, limit] of limits.entries()) {
          below += histogram.counts[at] ?? 0;
          expect(below).toBe(values.filter((value) => value <= limit).length);
        }
        expect(below + (histogram.counts.at(-1) ?? 0)).toBe(values.length);
        expect(histogram.count).toBe(values.length);
        expect(histogram.sum).toBe(values.reduce((sum, value) => sum + value, 0));
      }),
    );
  });

  test('of the node has ascending bounds', () => {
    const { publishToWrite, pingRoundTrip } = new Counters();
    for (const { bounds } of [publishToWrite, pingRoundTrip]) {
      expect(bounds.length).toBeGreaterThan(5);
      expect(bounds.toSorted((a, b) => a - b)).toEqual(bounds);
      expect(new Set(bounds).size).toBe(bounds.length);
    }
    expect(publishToWrite.counts).not.toBe(pingRoundTrip.counts);
  });
});
