/** The figures of all workers as those of one server, as text and as JSON; of one of them with `?node=`. */
import { refusalResponse } from '../../node/refusal-response.ts';
import type { Handler, HttpRequest, HttpResponse, OpenRoute, Route } from '../../node/route.ts';
import { refusal } from '../../protocol/errors.ts';
import type { MetricSnapshot } from '../../telemetry/metrics-registry.ts';
import type { SummedMetrics } from './summed-metrics.ts';
import type { WorkerSlot } from './worker-slot.ts';
import type { WorkerSupervisor } from './worker-supervisor.ts';

interface MetricsParts {
  readonly supervisor: WorkerSupervisor;
  readonly metrics: SummedMetrics;
  /** A route that the worker named by `?node=` answers. */
  readonly forwarded: (path: string) => OpenRoute;
  /** What a worker answers there; `null` when it does not. */
  readonly ask: (slot: WorkerSlot, path: string) => Promise<HttpResponse | null>;
}

interface NodeFigures {
  readonly rate_limit_stats: { readonly limited: Readonly<Record<string, number>> };
}

/** A worker that does not answer so fast is left out of what is said of all. */
const ANSWER_MS = 2_000;

export function parentMetricsRoutes(parts: MetricsParts): Route[] {
  const route = (path: string, all: (request: HttpRequest) => Promise<HttpResponse>): Route => {
    const one = parts.forwarded(path);
    const handle: Handler = (request) => (request.query.has('node') ? one.handle(request) : all(request));
    return { method: 'GET', path, handle };
  };
  return [
    route('/metrics', (request) =>
      request.header('accept')?.includes('application/json') === true ? asJson(parts) : asText(parts),
    ),
    route('/metrics.json', () => asJson(parts)),
  ];
}

async function asText({ supervisor, metrics }: MetricsParts): Promise<HttpResponse> {
  const body = await metrics.text(
    () => collect(supervisor),
    () => supervisor.slots,
  );
  return { status: 200, headers: { 'content-type': metrics.contentType }, body };
}

/** The limits are those of each worker: buckets are not shared. The count of limited requests is the sum. */
async function asJson({ supervisor, metrics, ask }: MetricsParts): Promise<HttpResponse> {
  const answers = await Promise.all(supervisor.serving.map((slot) => ask(slot, '/metrics.json')));
  const one = answers.find((answer) => answer?.status === 200)?.body as NodeFigures | undefined;
  if (one === undefined)
    return refusalResponse(refusal('not_admitting', 'expected a worker that serves: none does', 2_000));
  const figures = await metrics.json(
    () => collect(supervisor),
    () => supervisor.slots,
  );
  const limited = new Map(samples(figures['signalbox_rate_limited_total']).map(({ scope, value }) => [scope, value]));
  const scopes = Object.keys(one.rate_limit_stats.limited).map((scope) => [scope, limited.get(scope) ?? 0]);
  return {
    status: 200,
    body: {
      active_connections: samples(figures['signalbox_connections']).reduce((sum, { value }) => sum + value, 0),
      rate_limit_stats: { ...one.rate_limit_stats, limited: Object.fromEntries(scopes) },
      metrics: figures,
    },
  };
}

function samples(metric: unknown): readonly { readonly scope?: string; readonly value: number }[] {
  return metric as readonly { readonly scope?: string; readonly value: number }[];
}

async function collect({ slots }: WorkerSupervisor): Promise<readonly MetricSnapshot[]> {
  return (await Promise.all(slots.map(figuresOf))).filter((snapshot) => snapshot !== null);
}

/** The last that it gave when it does not answer now: sums must not go back because a worker is busy. */
async function figuresOf({ worker }: WorkerSlot): Promise<MetricSnapshot | null> {
  if (worker === null) return null;
  try {
    return await worker.call({ what: 'metrics' }, ANSWER_MS);
  } catch {
    return worker.metrics;
  }
}
