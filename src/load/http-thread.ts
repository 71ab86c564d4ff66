/** A thread of load on an HTTP endpoint: one autocannon, whose latencies are recorded finer than its milliseconds. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import type { Histogram } from 'node:perf_hooks';
import autocannon, { type Instance } from 'autocannon';
import type { HttpPlan } from './http-report.ts';
import { latencyHistogram, recordLatency } from './latency.ts';
import type { Tallies } from './thread-messages.ts';
import { threadCpuUs } from './thread-cpu.ts';

const TIMEOUT_SECONDS = 10;

/** The share of one thread. */
export type HttpShare = Pick<HttpPlan, 'url' | 'method' | 'body' | 'connections' | 'rate' | 'durationMs' | 'token'>;

export type HttpThreadReport =
  | { readonly type: 'second'; readonly requests: number }
  | {
      readonly type: 'done';
      readonly seconds: number;
      readonly bytes: number;
      readonly errors: number;
      readonly timeouts: number;
      readonly statuses: Tallies;
      readonly latency: Histogram;
      readonly cpuShare: number;
    };

function fire(share: HttpShare, port: MessagePort): void {
  const latency = latencyHistogram();
  // With a rate, an answer that comes late delays the requests behind it: what they would have waited is recorded too.
  const intervalUs = share.rate === null ? Infinity : (share.connections / share.rate) * 1e6;
  let bytes = 0;
  const started = performance.now();
  const startedCpu = threadCpuUs();
  const options = {
    url: share.url,
    method: share.method as 'GET',
    connections: share.connections,
    duration: share.durationMs / 1_000,
    timeout: TIMEOUT_SECONDS,
    ...(share.rate !== null && { overallRate: share.rate }),
    ...(share.body !== null && { body: share.body }),
    headers: {
      ...(share.body !== null && { 'content-type': 'application/json' }),
      ...(share.token !== null && { authorization: `Bearer ${share.token}` }),
    },
  };
  const instance = autocannon(options, (error: Error | null, result) => {
    if (error !== null) throw error;
    const report: HttpThreadReport = {
      type: 'done',
      seconds: result.duration,
      bytes,
      errors: result.errors,
      timeouts: result.timeouts,
      statuses: statusesOf(result),
      latency,
      cpuShare: (threadCpuUs() - startedCpu) / ((performance.now() - started) * 1_000),
    };
    port.postMessage(report);
    port.close();
  });
  instance.on('response', (_client, _status, size, responseMs) => {
    bytes += size;
    for (let us = responseMs * 1_000; us > 0; us -= intervalUs) recordLatency(latency, us);
  });
  // Its types do not know what comes with the event: what happened since the last one, a second ago.
  (instance as NodeJS.EventEmitter).on('tick', ({ counter }: { counter: number }) =>
    port.postMessage({ type: 'second', requests: counter } satisfies HttpThreadReport),
  );
  // Declared as a function of the module in its types; the instance has it.
  port.on('message', () => (instance as Instance & { stop(): void }).stop());
}

function statusesOf(result: object): Tallies {
  const { statusCodeStats = {} } = result as { statusCodeStats?: Readonly<Record<string, { readonly count: number }>> };
  return Object.fromEntries(Object.entries(statusCodeStats).map(([status, { count }]) => [status, count]));
}

if (parentPort !== null) fire(workerData as HttpShare, parentPort);
