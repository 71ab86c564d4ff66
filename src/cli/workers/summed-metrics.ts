/** The metrics of all workers as those of one server: counters added up, gauges by what they mean. */
import { AggregatorRegistry, Registry } from 'prom-client';
import type { Sample } from '../../telemetry/metric-entry.ts';
import { METRICS } from '../../telemetry/metrics.ts';
import { asJson, type MetricSnapshot } from '../../telemetry/metrics-registry.ts';
import { WORKER_METRICS, type WorkerGauges } from '../../telemetry/worker-metrics.ts';

/** Asks the workers. A worker that ends meanwhile is in what it gives, and not yet among the retired. */
type Collect = () => Promise<readonly MetricSnapshot[]>;

export class SummedMetrics {
  /** What workers counted that have ended: a sum that goes back would look like a restart of everything. */
  private retired: Promise<MetricSnapshot> = Promise.resolve([]);

  get contentType(): string {
    return Registry.PROMETHEUS_CONTENT_TYPE;
  }

  /** @param last the newest figures of a worker that has ended; its gauges ended with it */
  retire(last: MetricSnapshot): void {
    const counted = last.filter(({ type }) => type === 'counter' || type === 'histogram');
    this.retired = this.retired.then((before) => aggregate([before, counted]).getMetricsAsJSON());
  }

  /** Prometheus text exposition format 0.0.4. */
  async text(collect: Collect, workers: () => readonly WorkerGauges[]): Promise<string> {
    return (await this.sum(collect, workers)).metrics();
  }

  /** Our own metrics as an object, like those of a single node: a number, or samples where there are labels. */
  async json(collect: Collect, workers: () => readonly WorkerGauges[]): Promise<Record<string, unknown>> {
    const sums = await (await this.sum(collect, workers)).getMetricsAsJSON();
    const values = new Map(sums.map((metric) => [metric.name, metric.values as Sample[]]));
    return Object.fromEntries(
      [...METRICS, ...WORKER_METRICS].map((entry) => [entry.name, asJson(entry, values.get(entry.name) ?? [])]),
    );
  }

  private async sum(collect: Collect, workers: () => readonly WorkerGauges[]): Promise<Registry> {
    const retired = this.retired;
    const live = await collect();
    const own = WORKER_METRICS.map(({ name, type, help, across, read }) => ({
      name,
      type,
      help,
      aggregator: across,
      values: read(workers()),
    }));
    return aggregate([...live, await retired, own]);
  }
}

function aggregate(snapshots: readonly MetricSnapshot[]): Registry {
  return AggregatorRegistry.aggregate([...snapshots]);
}
