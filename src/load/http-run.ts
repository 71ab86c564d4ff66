/** Load on an HTTP endpoint, made by autocannon in threads. */
import { Worker } from 'node:worker_threads';
import type { HttpPlan, HttpReport } from './http-report.ts';
import type { HttpShare, HttpThreadReport } from './http-thread.ts';
import { distributionOf, latencyHistogram, mergeLatency, percentileCurve } from './latency.ts';
import { mergeTallies, reportHead, type Check, type ReportContext } from './report.ts';

type Done = Extract<HttpThreadReport, { type: 'done' }>;

export class HttpRun {
  /** Requests answered in each second so far, all threads together. */
  readonly series: { second: number; requests: number }[] = [];
  private readonly plan: HttpPlan;
  private readonly workers: Worker[] = [];
  private wasStopped = false;

  constructor(plan: HttpPlan) {
    this.plan = plan;
  }

  /** Ends it early, with what was measured so far. */
  stop(): void {
    this.wasStopped = true;
    for (const worker of this.workers) worker.postMessage('stop');
  }

  /** @throws Error when a thread of the generator breaks */
  async run(context: ReportContext): Promise<HttpReport> {
    const results = await Promise.all(sharesOf(this.plan).map((share) => this.runThread(share)));
    return this.report(context, results);
  }

  private runThread(share: HttpShare): Promise<Done> {
    const worker = new Worker(new URL('http-thread.ts', import.meta.url), { workerData: share });
    this.workers.push(worker);
    let second = 0;
    return new Promise((resolve, reject) => {
      worker.once('error', reject);
      worker.on('message', (report: HttpThreadReport) => {
        if (report.type === 'done') return resolve(report);
        const sum = (this.series[second] ??= { second, requests: 0 });
        sum.requests += report.requests;
        second += 1;
      });
    });
  }

  private report(context: ReportContext, results: readonly Done[]): HttpReport {
    const { plan } = this;
    const sum = (read: (result: Done) => number): number => results.reduce((total, one) => total + read(one), 0);
    const latency = latencyHistogram();
    for (const result of results) mergeLatency(latency, result.latency);
    const statuses = mergeTallies(results.map((result) => result.statuses));
    const total = Object.values(statuses).reduce((all, count) => all + count, 0);
    const odd = Object.entries(statuses).reduce(
      (all, [status, count]) => all + (status.startsWith('2') ? 0 : count),
      0,
    );
    const errors = sum((result) => result.errors);
    const seconds = Math.max(...results.map((result) => result.seconds));
    const checks: readonly Check[] = [
      { name: 'every request answered', ok: errors === 0, found: errors, says: 'requests without an answer' },
      { name: 'answered with 2xx', ok: odd === 0, found: odd, says: 'answers with another status' },
    ];
    const threads = results.map(({ cpuShare }, at) => ({ name: `thread ${at + 1}`, cpu: cpuShare, busiest: cpuShare }));
    const { token: _secret, ...shown } = plan;
    return {
      kind: 'http',
      ...reportHead(context, checks, threads),
      url: plan.url,
      wasInterrupted: this.wasStopped,
      measuredSeconds: seconds,
      plan: shown,
      requests: {
        total,
        perSecond: seconds > 0 ? total / seconds : 0,
        bytesPerSecond: seconds > 0 ? sum((result) => result.bytes) / seconds : 0,
        errors,
        timeouts: sum((result) => result.timeouts),
        statuses,
      },
      latency: distributionOf(latency),
      curve: percentileCurve(latency),
      series: this.series.filter(({ second }) => second < Math.max(1, Math.floor(seconds))),
    };
  }
}

/** Connections and rate, divided among the threads; every thread has at least one connection. */
function sharesOf(plan: HttpPlan): HttpShare[] {
  const threads = Math.min(plan.threads, plan.connections);
  const part = (total: number, thread: number): number =>
    Math.floor(((thread + 1) * total) / threads) - Math.floor((thread * total) / threads);
  return Array.from({ length: threads }, (_, thread) => ({
    url: plan.url,
    method: plan.method,
    body: plan.body,
    connections: part(plan.connections, thread),
    rate: plan.rate === null ? null : Math.max(1, part(plan.rate, thread)),
    durationMs: plan.durationMs,
    token: plan.token,
  }));
}
