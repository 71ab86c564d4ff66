/** What all workers count together, as Prometheus reads it. */
import { describe, expect, test } from 'vitest';
import type { MetricSnapshot } from '../../telemetry/metrics-registry.ts';
import { SummedMetrics } from './summed-metrics.ts';

function snapshot(published: number, oldest: number): MetricSnapshot {
  const metrics = [
    { name: 'published', help: 'h', type: 'counter', aggregator: 'sum', values: [{ value: published, labels: {} }] },
    { name: 'oldest', help: 'h', type: 'gauge', aggregator: 'max', values: [{ value: oldest, labels: {} }] },
    {
      name: 'seconds',
      help: 'h',
      type: 'histogram',
      aggregator: 'sum',
      values: [
        { metricName: 'seconds_bucket', value: published, labels: { le: 1 } },
        { metricName: 'seconds_count', value: published, labels: {} },
      ],
    },
  ];
  return metrics;
}

async function lines(metrics: SummedMetrics, ...live: MetricSnapshot[]): Promise<string[]> {
  const text = await metrics.text(
    () => Promise.resolve(live),
    () => [
      { name: 'a', state: 'serving', restarts: 2 },
      { name: 'b', state: 'waiting', restarts: 1 },
    ],
  );
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('the metrics of workers', () => {
  test('counters and histograms are added up, other gauges are what they mean', async () => {
    const all = await lines(new SummedMetrics(), snapshot(3, 7), snapshot(4, 2));
    expect(all).toEqual(
      expect.arrayContaining(['published 7', 'oldest 7', 'seconds_bucket{le="1"} 7', 'seconds_count 7']),
    );
  });

  test('what ended workers counted stays in the sums, and their gauges do not', async () => {
    const metrics = new SummedMetrics();
    metrics.retire(snapshot(10, 99));
    metrics.retire(snapshot(5, 98));
    expect(await lines(metrics, snapshot(1, 2))).toEqual(
      expect.arrayContaining(['published 16', 'oldest 2', 'seconds_count 16']),
    );
  });

  test('who ends while the others are asked is not counted twice', async () => {
    const metrics = new SummedMetrics();
    const text = await metrics.text(
      () => {
        metrics.retire(snapshot(10, 0));
        return Promise.resolve([snapshot(10, 0)]);
      },
      () => [],
    );
    expect(text).toContain('published 10\n');
  });

  test('how the workers are is among them', async () => {
    expect(await lines(new SummedMetrics())).toEqual([
      'signalbox_workers{state="starting"} 0',
      'signalbox_workers{state="serving"} 1',
      'signalbox_workers{state="draining"} 0',
      'signalbox_workers{state="waiting"} 1',
      'signalbox_workers{state="gone"} 0',
      'signalbox_worker_restarts_total{worker="a"} 2',
      'signalbox_worker_restarts_total{worker="b"} 1',
    ]);
  });
});
