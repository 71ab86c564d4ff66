import { describe, expect, test } from 'vitest';
import { distributionOf, latencyHistogram, mergeLatency, percentileCurve, recordLatency } from './latency.ts';

function histogramOf(...us: number[]): ReturnType<typeof latencyHistogram> {
  const histogram = latencyHistogram();
  for (const value of us) recordLatency(histogram, value);
  return histogram;
}

describe('histograms of latencies', () => {
  test('what threads recorded adds up to what one would have recorded', () => {
    const all = Array.from({ length: 10_000 }, (_, at) => 50 + at * at);
    const whole = histogramOf(...all);
    const merged = latencyHistogram();
    for (const thread of [0, 1, 2]) mergeLatency(merged, histogramOf(...all.filter((_, at) => at % 3 === thread)));
    expect(distributionOf(merged)).toEqual(distributionOf(whole));
    expect(percentileCurve(merged)).toEqual(percentileCurve(whole));
    expect(merged.count).toBe(10_000);
  });

  test('percentiles are those of the values, to three digits', () => {
    const { p50, p90, p99, p999, min, max, mean, count } = distributionOf(
      histogramOf(...Array.from({ length: 1_000 }, (_, at) => (at + 1) * 1_000)),
    );
    expect(count).toBe(1_000);
    for (const [value, wanted] of [
      [p50, 500],
      [p90, 900],
      [p99, 990],
      [p999, 999],
      [max, 1_000],
      [min, 1],
      [mean, 500.5],
    ] as const) {
      expect(value).toBeGreaterThanOrEqual(wanted * 0.999);
      expect(value).toBeLessThanOrEqual(wanted * 1.001);
    }
  });

  test('nothing recorded is zeros, not infinities; merging it changes nothing', () => {
    const empty = latencyHistogram();
    expect(distributionOf(empty)).toEqual({ count: 0, mean: 0, min: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
    const one = histogramOf(70);
    mergeLatency(one, empty);
    expect(distributionOf(one)).toMatchObject({ count: 1, min: 0.07, max: 0.07 });
    expect(percentileCurve(empty)).toEqual([]);
  });

  test('what is too small or too large is recorded at the edge, never left out', () => {
    const histogram = histogramOf(0, -5, 0.4, 10 ** 12);
    expect(histogram.count).toBe(4);
    expect(histogram.min).toBe(1);
    expect(histogram.max / 1e6).toBeCloseTo(600, -1);
  });

  test('the curve goes no further into the tail than there are values', () => {
    const curve = percentileCurve(histogramOf(...Array.from({ length: 150 }, (_, at) => 100 + at)));
    expect(curve.map(({ percentile }) => percentile)).toEqual([0, 25, 50, 75, 90, 95, 99]);
    expect(curve[0]?.ms).toBe(0.1);
  });
});
