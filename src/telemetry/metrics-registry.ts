/** Serves the table of metrics, and the usual ones of the process, through the Prometheus client library. */
import { collectDefaultMetrics, Gauge, Registry, type Metric } from 'prom-client';
import type { Counters } from './counters.ts';
import { openFiles } from './open-files.ts';
import type { Gauges } from './gauges.ts';
import type { MetricEntry, Sample } from './metric-entry.ts';
import { METRICS } from './metrics.ts';

/** Every metric of a process with its values, as the Prometheus client library exchanges them. */
export type MetricSnapshot = readonly { readonly name: string; readonly type: unknown }[];

export class MetricsRegistry {
  private readonly registry = new Registry();
  private readonly counters: Counters;
  private readonly gauges: () => Gauges;
  /** The table, and what applications have added. */
  private readonly entries = new Map(METRICS.map((entry) => [entry.name, entry]));

  /** @param gauges reads the node; called once for every request */
  constructor(counters: Counters, gauges: () => Gauges) {
    this.counters = counters;
    this.gauges = gauges;
    collectDefaultMetrics({ register: this.registry });
    // The library lists every descriptor at every scrape: 8 ms of blocked loop with 10,000 connections.
    const name = 'process_open_fds';
    this.registry.removeSingleMetric(name);
    const files: Gauge = new Gauge({
      name,
      help: 'Number of open file descriptors.',
      registers: [this.registry],
      collect: () => files.set(openFiles(performance.now()) ?? 0),
    });
  }

  /** A metric of an application. @throws when there is one of this name */
  add(entry: MetricEntry): void {
    if (this.entries.has(entry.name)) throw new Error(`expected one metric of the name ${entry.name}, got another`);
    this.entries.set(entry.name, entry);
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** Prometheus text exposition format 0.0.4. */
  async text(): Promise<string> {
    return `${await this.own().metrics()}\n${await this.registry.metrics()}`;
  }

  /** The same as data, to be added up with those of other workers. */
  async snapshot(): Promise<MetricSnapshot> {
    return [...(await this.own().getMetricsAsJSON()), ...(await this.registry.getMetricsAsJSON())];
  }

  private own(): Registry {
    const gauges = this.gauges();
    const own = new Registry();
    for (const { name, help, type, across, read } of this.entries.values()) {
      const get = (): Promise<unknown> =>
        Promise.resolve({ name, help, type, values: read(this.counters, gauges), aggregator: across });
      // Our counters live in plain numbers: the library only has to print them.
      own.registerMetric({ name, get } as unknown as Metric);
    }
    return own;
  }

  /** Our own metrics as an object: a number, or samples where there are labels. */
  json(): Record<string, unknown> {
    const gauges = this.gauges();
    return Object.fromEntries(
      [...this.entries.values()].map((entry) => [entry.name, asJson(entry, entry.read(this.counters, gauges))]),
    );
  }
}

/** What a metric says as JSON: a number, or samples where there are labels. */
export function asJson({ labels, type }: Pick<MetricEntry, 'labels' | 'type'>, samples: readonly Sample[]): unknown {
  if (labels.length === 0 && type !== 'histogram') return samples[0]?.value ?? 0;
  return samples.map((sample) => ({
    ...(sample.metricName === undefined ? {} : { name: sample.metricName }),
    ...sample.labels,
    value: sample.value,
  }));
}
