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
    const table = [...METRICS, ...WORKER_METRICS].map(
      (entry) => [entry.name, asJson(entry, values.get(entry.name) ?? [])] as const,
    );
    // Those of applications are known to the workers alone.
    const names = new Set(table.map(([name]) => name));
    const added = sums.filter(({ name }) => name.startsWith('signalbox_') && !names.has(name));
    return Object.fromEntries([
      ...table,
      ...added.map((metric) => [metric.name, asJson(shapeOf(metric), metric.values as Sample[])] as const),
    ]);
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

/** Of a metric that no table knows: labelled when any of its samples is. */
function shapeOf({ type, values }: { readonly type: unknown; readonly values: unknown }): Parameters<typeof asJson>[0] {
  const isLabelled = (values as readonly Sample[]).some(({ labels }) => Object.keys(labels).length > 0);
  return { type: String(type) as 'counter', labels: isLabelled ? ['label'] : [] };
}

function aggregate(snapshots: readonly MetricSnapshot[]): Registry {
  return AggregatorRegistry.aggregate([...snapshots]);
}
