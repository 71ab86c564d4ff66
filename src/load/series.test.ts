import { describe, expect, test } from 'vitest';
import { latencyHistogram, recordLatency } from './latency.ts';
import { buildReport } from './report.ts';
import { SequenceCheck } from './sequence-check.ts';
import { Series } from './series.ts';
import { planOf } from './test-rig.ts';
import type { Tick } from './thread-messages.ts';

function tickOf(thread: number, second: number, changes: Partial<Tick> = {}, ...us: number[]): Tick {
  const delivery = latencyHistogram();
  for (const value of us) recordLatency(delivery, value);
  return {
    type: 'tick',
    thread,
    second,
    deliveries: us.length,
    replayed: 0,
    messages: us.length,
    bytes: 0,
    published: 10,
    acknowledged: 10,
    refused: 0,
    skipped: 0,
    delivery,
    ack: latencyHistogram(),
    open: 5,
    cpuUs: 200_000,
    elapsedUs: 1_000_000,
    checks: new SequenceCheck(0).verdict,
    late: latencyHistogram(),
    ...changes,
  };
}

describe('seconds of all threads', () => {
  test('are added up second by second, whatever order they come in', () => {
    const series = new Series(2);
    series.add(tickOf(0, 0, {}, 1_000, 2_000));
    series.add(tickOf(0, 1, {}, 3_000));
    series.add(tickOf(1, 0, { open: 7 }, 9_000));
    series.end();
    expect(series.seconds).toMatchObject([
      { second: 0, deliveries: 3, published: 20, open: 12, p50: expect.closeTo(2, 1), max: expect.closeTo(9, 1) },
      { second: 1, deliveries: 1, published: 10, open: 5 },
    ]);
    expect(series.delivery.count).toBe(4);
  });

  test('what came before the measurement is counted, not measured', () => {
    const series = new Series(1);
    series.durationSeconds = 1;
    series.add(tickOf(0, -Infinity, { cpuUs: 900_000 }));
    series.add(tickOf(0, -1, { cpuUs: 900_000 }));
    series.add(tickOf(0, 0, {}, 1_000));
    series.add(tickOf(0, 1, { cpuUs: 900_000 }, 2_000));
    series.end();
    expect(series.total.published).toBe(40);
    expect(series.cpu[0]).toEqual({ cpuUs: 200_000, elapsedUs: 1_000_000, busiest: 0.2 });
    // Late arrivals belong to the measurement all the same: they are its slowest.
    expect(series.delivery.count).toBe(2);
  });

  test('the first messages of the measurement may come in the tick before it, which is handed over late', () => {
    const series = new Series(1);
    series.add(tickOf(0, -1, {}, 5_000));
    series.add(tickOf(0, 0, {}, 1_000));
    series.end();
    expect(series.delivery.count).toBe(2);
    expect(series.seconds.map(({ second }) => second)).toEqual([0]);
  });

  test('a thread that was held up reports two seconds as one: rates are per second of the clock', () => {
    const series = new Series(1);
    for (const tick of [tickOf(0, 0), tickOf(0, 1, { published: 30 }), tickOf(0, 3)]) series.add(tick);
    series.durationSeconds = 4;
    series.end();
    const outcome = {
      series,
      results: [],
      unanswered: 0,
      measuredMs: 4_000,
      wasInterrupted: false,
      mainCpuShare: 0,
      metronomeCpuShare: null,
    };
    const report = buildReport(planOf(), outcome, { version: '1', startedAt: new Date(0), command: '' });
    expect(report.publishes.perSecond).toBe(50 / 4);
    expect(report.generator.threads).toEqual([
      { name: 'thread 1', cpu: 0.2, busiest: 0.2 },
      { name: 'main', cpu: 0, busiest: 0 },
    ]);
  });
});
