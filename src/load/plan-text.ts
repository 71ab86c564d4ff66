/** What a run is going to do, in words: said before anything is done. */
import { rampMs, stormTimes, type LoadPlan } from './plan.ts';

export function describePlan(plan: LoadPlan): string {
  const rows: readonly (readonly [string, string])[] = [
    ['target', `${plan.target.url} (${plan.target.address} port ${plan.target.port})`],
    ['connections', connections(plan)],
    ['topics', topics(plan)],
    ['publishes', publishes(plan)],
    ['payload', `${count(plan.payloadBytes)} B, ${plan.format}${plan.batching ? ' with batching' : ''}`],
    ['measured', `${seconds(plan.durationMs)} after ${seconds(plan.warmUpMs)} of warming up`],
    ...(plan.storms === null ? [] : [['storms', storms(plan)] as const]),
    ...(plan.slowReaders === null ? [] : [['slow readers', slowReaders(plan)] as const]),
    ['threads', `${plan.threads} of this process (pid ${process.pid})`],
  ];
  return rows.map(([name, text]) => `  ${name.padEnd(13)}${text}`).join('\n');
}

function connections(plan: LoadPlan): string {
  const { ramp } = plan;
  const all = [
    ...(plan.connections > 0 ? [`${count(plan.connections)} that subscribe`] : []),
    ...(plan.publishers > 0 ? [`${count(plan.publishers)} that publish`] : []),
  ].join(', ');
  const pace = ramp.everyMs === 0 ? 'all at once' : `${count(ramp.connections)} every ${ramp.everyMs} ms`;
  return `${all}; ${pace}, ${seconds(rampMs(plan))} in all`;
}

function topics({ topics, subscribers, topicPrefix }: LoadPlan): string {
  return `${count(topics)} of ${topicPrefix}.*, ${subscribers === 0 ? 'nobody subscribed' : `${count(subscribers)} subscribers each`}`;
}

function publishes({ pace, subscribers }: LoadPlan): string {
  switch (pace.kind) {
    case 'rate':
      return `${count(pace.perSecond)} a second in total (open loop), ${count(pace.perSecond * subscribers)} deliveries a second`;
    case 'window':
      return `${count(pace.inFlight)} in flight until all deliveries have arrived (closed loop)`;
    case 'round-trips':
      return `${count(pace.inFlight)} in flight per publishing connection until acknowledged (closed loop)`;
    default:
      return 'none';
  }
}

function storms(plan: LoadPlan): string {
  const { storms, connections } = plan;
  if (storms === null) return '';
  const times = stormTimes(plan);
  const when = `after ${seconds(storms.atMs)}${times.length > 1 ? ` and every ${seconds(storms.everyMs)} (${times.length} in all)` : ''}`;
  return `${count(Math.floor(connections * storms.share + 1e-9))} connections drop at once ${when}, and come back with positions ${seconds(storms.awayMs)} later`;
}

function slowReaders({ slowReaders }: LoadPlan): string {
  if (slowReaders === null) return '';
  const { count: readers, atMs, forMs } = slowReaders;
  return `${count(readers)} connections stop reading after ${seconds(atMs)} for ${seconds(forMs)}`;
}

export function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 });
}

function seconds(ms: number): string {
  return `${Number((ms / 1_000).toFixed(1))} s`;
}
