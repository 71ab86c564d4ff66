/** Metrics of an application, in the table of the server's own: plain numbers that are read when somebody asks. */
import { Histogram, SECONDS } from '../telemetry/counters.ts';
import { buckets, type MetricEntry, type Sample } from '../telemetry/metric-entry.ts';
import type { Calls } from './calls.ts';
import type { Counter, Observations } from './host-api.ts';

const METRIC = /^[a-z][a-z0-9_]{0,79}$/;
/** Values of a label that are told apart; more are one. */
const MAX_VALUES = 100;
const OTHER = 'other';

export class AppMetrics {
  private readonly prefix: string;
  private readonly add: (entry: MetricEntry) => void;
  private readonly calls: Calls;

  /** @param add throws when there is a metric of this name */
  constructor(add: (entry: MetricEntry) => void, calls: Calls) {
    this.prefix = `signalbox_${calls.app.replaceAll('-', '_')}_`;
    this.add = add;
    this.calls = calls;
  }

  counter(name: string, help: string, label?: string): Counter {
    const counts = new Map<string, number>();
    const labels = label === undefined ? [] : [label];
    const read = (): Sample[] =>
      label === undefined
        ? [{ value: counts.get('') ?? 0, labels: {} }]
        : [...counts].map(([value, count]) => ({ value: count, labels: { [label]: value } }));
    this.add({ name: this.full(name), type: 'counter', help, labels, across: 'sum', read });
    return {
      add: (count = 1, value = '') => {
        if (!(count >= 0)) throw new RangeError(`${this.full(name)}: expected a count of at least 0, got ${count}`);
        const key = label === undefined ? '' : counts.has(value) || counts.size < MAX_VALUES ? value : OTHER;
        counts.set(key, (counts.get(key) ?? 0) + count);
      },
    };
  }

  gauge(name: string, help: string, value: () => number): void {
    const read = (): Sample[] => {
      let answer = 0;
      this.calls.run({ part: 'gauge', name, deadlineMs: null }, value, (known) => {
        if (typeof known === 'number') answer = known;
      });
      return [{ value: answer, labels: {} }];
    };
    this.add({ name: this.full(name), type: 'gauge', help, labels: [], across: 'sum', read });
  }

  histogram(name: string, help: string): Observations {
    const histogram = new Histogram(SECONDS);
    const full = this.full(name);
    this.add({ name: full, type: 'histogram', help, labels: [], across: 'sum', read: () => buckets(full, histogram) });
    return { observe: (seconds) => histogram.observe(seconds) };
  }

  private full(name: string): string {
    if (!METRIC.test(name))
      throw new RangeError(`expected a metric's name of [a-z][a-z0-9_]*, got ${JSON.stringify(name)}`);
    return `${this.prefix}${name}`;
  }
}
