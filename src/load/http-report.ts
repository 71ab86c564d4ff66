/** What a run against an HTTP endpoint found out. */
import type { Distribution, PercentilePoint } from './latency.ts';
import { count } from './plan-text.ts';
import { latencyText, line, verdictLines } from './report-table.ts';
import type { ReportHead } from './report.ts';
import type { Tallies } from './thread-messages.ts';

export interface HttpPlan {
  readonly url: string;
  readonly method: string;
  readonly body: string | null;
  readonly connections: number;
  /** Requests a second in total; `null`: as many as come back. */
  readonly rate: number | null;
  readonly durationMs: number;
  readonly threads: number;
  readonly token: string | null;
}

export interface HttpReport extends ReportHead {
  readonly kind: 'http';
  readonly plan: Omit<HttpPlan, 'token'>;
  readonly requests: {
    readonly total: number;
    readonly perSecond: number;
    readonly bytesPerSecond: number;
    readonly errors: number;
    readonly timeouts: number;
    /** By status code. */
    readonly statuses: Tallies;
  };
  readonly latency: Distribution;
  readonly curve: readonly PercentilePoint[];
  readonly series: readonly { readonly second: number; readonly requests: number }[];
}

export function describeHttpPlan(plan: HttpPlan): string {
  const rows: readonly (readonly [string, string])[] = [
    ['target', `${plan.method} ${plan.url}${plan.token === null ? '' : ', with a token'}`],
    ...(plan.body === null ? [] : [['body', `${Buffer.byteLength(plan.body)} B`] as const]),
    ['connections', `${count(plan.connections)}, one request at a time on each`],
    ['requests', plan.rate === null ? 'as fast as answers come back (closed loop)' : `${count(plan.rate)} a second`],
    ['measured', `${Number((plan.durationMs / 1_000).toFixed(1))} s`],
    ['threads', `${plan.threads} of this process (pid ${process.pid})`],
  ];
  return rows.map(([name, text]) => `  ${name.padEnd(13)}${text}`).join('\n');
}

export function httpTable(report: HttpReport): string {
  const { requests, latency } = report;
  const statuses = Object.entries(requests.statuses).map(([status, times]) => `${status} × ${count(times)}`);
  return [
    line(['requests', `${count(requests.perSecond)}/s; ${count(requests.total)} answered`]),
    line(['  statuses', statuses.join(', ') || 'none']),
    line(['  errors', `${count(requests.errors)}, of them ${count(requests.timeouts)} timeouts`]),
    line(['  latency', latencyText(latency)]),
    line(['  traffic', `${(requests.bytesPerSecond / 1e6).toFixed(2)} MB/s`]),
    ...verdictLines(report),
  ].join('\n');
}
