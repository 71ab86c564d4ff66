/** Load on an HTTP endpoint, made by autocannon. */
import type { Instance, Result } from 'autocannon';
import type { HttpPlan, HttpReport } from './http-report.ts';
import type { PercentilePoint } from './latency.ts';
import { reportHead, type Check, type ReportContext } from './report.ts';

const TIMEOUT_SECONDS = 10;

export class HttpRun {
  /** Requests answered in each second so far. */
  readonly series: { second: number; requests: number }[] = [];
  private readonly plan: HttpPlan;
  private instance: Instance | null = null;
  private wasStopped = false;

  constructor(plan: HttpPlan) {
    this.plan = plan;
  }

  stop(): void {
    this.wasStopped = true;
    // Declared as a function of the module in its types; the instance has it.
    (this.instance as { stop?: () => void } | null)?.stop?.();
  }

  async run(context: ReportContext): Promise<HttpReport> {
    // Only this verb needs it, so only this verb pays for loading it.
    const { default: autocannon } = await import('autocannon');
    const { plan } = this;
    const started = performance.now();
    const cpu = process.cpuUsage();
    const result = await new Promise<Result>((resolve, reject) => {
      const options = {
        url: plan.url,
        method: plan.method as 'GET',
        connections: plan.connections,
        duration: plan.durationMs / 1_000,
        timeout: TIMEOUT_SECONDS,
        ...(plan.rate !== null && { overallRate: plan.rate }),
        ...(plan.threads > 1 && { workers: plan.threads }),
        ...(plan.body !== null && { body: plan.body }),
        headers: {
          ...(plan.body !== null && { 'content-type': 'application/json' }),
          ...(plan.token !== null && { authorization: `Bearer ${plan.token}` }),
        },
      };
      this.instance = autocannon(options, (error: Error | null, done) => {
        if (error === null) resolve(done);
        else reject(error);
      });
      // Its types do not know the event, which says what happened since the last one, a second ago.
      (this.instance as NodeJS.EventEmitter).on('tick', ({ counter }: { counter: number }) =>
        this.series.push({ second: this.series.length, requests: counter }),
      );
    });
    const seconds = (performance.now() - started) / 1_000;
    const { user, system } = process.cpuUsage(cpu);
    return this.report(context, result, (user + system) / 1e6 / seconds / plan.threads);
  }

  /** @param cpu share of a processor per thread */
  private report(context: ReportContext, result: Result, cpu: number): HttpReport {
    const { plan } = this;
    const { latency, requests, errors, timeouts, non2xx } = result;
    const checks: readonly Check[] = [
      { name: 'every request answered', ok: errors === 0, found: errors, says: 'requests without an answer' },
      { name: 'answered with 2xx', ok: non2xx === 0, found: non2xx, says: 'answers with another status' },
    ];
    const { token: _secret, ...shown } = plan;
    return {
      kind: 'http',
      ...reportHead(context, checks, [{ name: 'process, per thread', cpu, busiest: cpu }]),
      url: plan.url,
      wasInterrupted: this.wasStopped,
      measuredSeconds: result.duration,
      plan: shown,
      requests: {
        total: requests.total,
        perSecond: result.duration > 0 ? requests.total / result.duration : 0,
        bytesPerSecond: result.throughput.average,
        errors,
        timeouts,
        statuses: statusesOf(result),
      },
      latency: {
        count: requests.total,
        mean: latency.average,
        min: latency.min,
        p50: latency.p50,
        p90: latency.p90,
        p99: latency.p99,
        p999: latency.p99_9,
        max: latency.max,
      },
      curve: curveOf(result),
      series: this.series,
    };
  }
}

/** autocannon counts classes of statuses, and newer versions single ones. */
function statusesOf(result: Result): Readonly<Record<string, number>> {
  const { statusCodeStats } = result as { statusCodeStats?: Readonly<Record<string, { readonly count: number }>> };
  if (statusCodeStats !== undefined)
    return Object.fromEntries(Object.entries(statusCodeStats).map(([status, { count }]) => [status, count]));
  return { '2xx': result['2xx'], 'other than 2xx': result.non2xx };
}

function curveOf({ latency }: Result): PercentilePoint[] {
  const points: readonly (readonly [number, number])[] = [
    [0, latency.min],
    [25, latency.p25],
    [50, latency.p50],
    [75, latency.p75],
    [90, latency.p90],
    [99, latency.p99],
    [99.9, latency.p99_9],
    [99.99, latency.p99_99],
  ];
  return points.map(([percentile, ms]) => ({ percentile, ms }));
}
