/** The usual metrics of the process, and how the client library prints those of the table. */
import { collectDefaultMetrics, Gauge, Registry, type Metric } from 'prom-client';
import type { MetricEntry, Sample } from './metric-entry.ts';
import { openFiles } from './open-files.ts';

export class ProcessMetrics {
  readonly registry = new Registry();

  constructor() {
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

  /** Our counters live in plain numbers: the library only has to print them. */
  readonly tableOf = (entries: readonly MetricEntry[], read: (entry: MetricEntry) => Sample[]): Registry => {
    const table = new Registry();
    for (const entry of entries) {
      const { name, help, type, across } = entry;
      const get = (): Promise<unknown> =>
        Promise.resolve({ name, help, type, values: read(entry), aggregator: across });
      table.registerMetric({ name, get } as unknown as Metric);
    }
    return table;
  };
}
