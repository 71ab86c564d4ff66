/**
 * Serves the table of metrics, and the usual ones of the process, through the Prometheus client library. That is imported for the
 * first scrape: it is an eighth of the start, and many a node is never scraped.
 */
import type { Registry } from 'prom-client';
import type { Counters } from './counters.ts';
import type { Gauges } from './gauges.ts';
import type { MetricEntry, Sample } from './metric-entry.ts';
import { METRICS } from './metrics.ts';
import type { ProcessMetrics } from './process-metrics.ts';

/** Every metric of a process with its values, as the Prometheus client library exchanges them. */
export type MetricSnapshot = readonly { readonly name: string; readonly type: unknown }[];

export class MetricsRegistry {
  /** The metrics of the process, once somebody has asked. */
  private process: Promise<ProcessMetrics> | null = null;
  private readonly counters: Counters;
  private readonly gauges: () => Gauges;
  /** The table, and what applications have added. */
  private readonly entries = new Map(METRICS.map((entry) => [entry.name, entry]));

  /** @param gauges reads the node; called once for every request */
  constructor(counters: Counters, gauges: () => Gauges) {
    this.counters = counters;
    this.gauges = gauges;
  }

  /** A metric of an application. @throws when there is one of this name */
  add(entry: MetricEntry): void {
    if (this.entries.has(entry.name)) throw new Error(`expected one metric of the name ${entry.name}, got another`);
    this.entries.set(entry.name, entry);
  }

  /** Prometheus text exposition format 0.0.4. */
  async text(): Promise<{ readonly contentType: string; readonly body: string }> {
    const { registry, tableOf } = await this.ofProcess();
    const body = `${await this.own(tableOf).metrics()}\n${await registry.metrics()}`;
    return { contentType: registry.contentType, body };
  }

  /** The same as data, to be added up with those of other workers. */
  async snapshot(): Promise<MetricSnapshot> {
    const { registry, tableOf } = await this.ofProcess();
    return [...(await this.own(tableOf).getMetricsAsJSON()), ...(await registry.getMetricsAsJSON())];
  }

  private ofProcess(): Promise<ProcessMetrics> {
    this.process ??= import('./process-metrics.ts').then(({ ProcessMetrics }) => new ProcessMetrics());
    return this.process;
  }

  private own(tableOf: ProcessMetrics['tableOf']): Registry {
    const gauges = this.gauges();
    return tableOf([...this.entries.values()], (entry) => entry.read(this.counters, gauges));
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
