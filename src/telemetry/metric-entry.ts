/** What an entry of the table of metrics is, and how entries are made. */
import type { Counters, Histogram } from './counters.ts';
import type { Gauges } from './gauges.ts';

export interface Sample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** For the parts of a histogram. */
  readonly metricName?: string;
}

/** How the values of several nodes become one: of gauges that are no amounts the worst or the only one counts. */
type Across = 'sum' | 'max' | 'min' | 'first';

export interface MetricEntry {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** What the value of several workers together is. */
  readonly across: Across;
  readonly read: (counters: Counters, gauges: Gauges) => Sample[];
}

export type Read = (counters: Counters, gauges: Gauges) => Sample[];

export function counter(name: string, help: string, labels: readonly string[], read: Read): MetricEntry {
  return { name: `signalbox_${name}`, type: 'counter', help, labels, across: 'sum', read };
}

export function gauge(
  name: string,
  help: string,
  labels: readonly string[],
  read: Read,
  across: Across = 'sum',
): MetricEntry {
  return { name: `signalbox_${name}`, type: 'gauge', help, labels, across, read };
}

export function histogram(name: string, help: string, pick: (counters: Counters) => Histogram): MetricEntry {
  const full = `signalbox_${name}`;
  return {
    name: full,
    type: 'histogram',
    help,
    labels: [],
    across: 'sum',
    read: (counters) => buckets(full, pick(counters)),
  };
}

export function one(value: number, labels: Sample['labels'] = {}): Sample {
  return { value, labels };
}

/** The parts of a histogram as Prometheus has them. */
export function buckets(name: string, { bounds, counts, sum, count }: Histogram): Sample[] {
  let below = 0;
  const samples = bounds.map((bound, at) => {
    below += counts[at] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le: bound }, value: below };
  });
  return [
    ...samples,
    { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: count },
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: count },
  ];
}
