/** What a run found out, as the JSON report has it. Latencies are milliseconds; shares are 0 to 1. */
import { cpus, hostname } from 'node:os';
import { distributionOf, latencyHistogram, mergeLatency, percentileCurve } from './latency.ts';
import type { Distribution, PercentilePoint } from './latency.ts';
import type { LoadPlan } from './plan.ts';
import type { RunOutcome } from './run.ts';
import { addVerdicts } from './sequence-check.ts';
import { sumCounts, type Second } from './series.ts';
import type { Tallies, ThreadResult } from './thread-messages.ts';

/** A generator that is busier than this measures itself. */
export const VOID_ABOVE = 0.9;

/** One thing that must hold. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly found: number;
  readonly says: string;
}

export interface GeneratorThread {
  readonly name: string;
  /** Of one processor, on average over the measurement. */
  readonly cpu: number;
  /** In its busiest second. */
  readonly busiest: number;
}

interface StormReport {
  readonly dropped: number;
  readonly live: number;
  /** From coming back until subscribed and everything missed has arrived. */
  readonly timeToLive: Distribution;
}

/** What both kinds of run have. */
export interface ReportHead {
  readonly tool: 'signalbox load';
  readonly version: string;
  readonly startedAt: string;
  /** Without secrets. */
  readonly command: string;
  readonly machine: { readonly host: string; readonly cpu: string; readonly processors: number; readonly node: string };
  readonly url: string;
  /** `void`: the generator was the bottleneck, the figures say nothing about the server. */
  readonly verdict: 'ok' | 'failed' | 'void';
  readonly wasInterrupted: boolean;
  readonly measuredSeconds: number;
  readonly checks: readonly Check[];
  readonly generator: { readonly voidAbove: number; readonly threads: readonly GeneratorThread[] };
}

export interface LoadReport extends ReportHead {
  readonly kind: 'websocket';
  readonly plan: Omit<LoadPlan, 'target'>;
  readonly connections: {
    readonly wanted: number;
    readonly neverOpen: number;
    /** From the time when a connection was due until it was subscribed. */
    readonly connect: Distribution;
    readonly refusals: Tallies;
    readonly closes: Tallies;
  };
  readonly publishes: {
    readonly sent: number;
    readonly acknowledged: number;
    readonly refused: number;
    readonly unanswered: number;
    /** Due, but not sent, because too many were unanswered. */
    readonly skipped: number;
    readonly perSecond: number;
    readonly acknowledgedPerSecond: number;
    /** From the intended send time to the acknowledgement. */
    readonly ack: Distribution;
    /** How long after their times they were sent: the generator's own share of the latencies. */
    readonly late: Distribution;
  };
  readonly deliveries: {
    readonly expected: number;
    readonly received: number;
    readonly replayed: number;
    readonly lost: number;
    readonly lossShare: number;
    readonly duplicates: number;
    readonly reordered: number;
    readonly gaps: number;
    readonly announcedMissing: number;
    readonly historiesLost: number;
    readonly perSecond: number;
    readonly bytesPerSecond: number;
    readonly perMessage: number;
    /** From the intended send time to the arrival; of live deliveries to healthy connections. */
    readonly latency: Distribution;
    readonly curve: readonly PercentilePoint[];
    /** Decoded or scanned instead of read at learned offsets. */
    readonly decoded: number;
  };
  readonly storms: readonly StormReport[];
  readonly slowReaders: {
    readonly deliveries: number;
    readonly replayed: number;
    readonly latency: Distribution;
  } | null;
  readonly errors: Tallies;
  readonly series: readonly Second[];
}

export interface ReportContext {
  readonly version: string;
  readonly startedAt: Date;
  readonly command: string;
}

export function buildReport(plan: LoadPlan, outcome: RunOutcome, context: ReportContext): LoadReport {
  const { series, results, measuredMs } = outcome;
  const verdict = addVerdicts(results.map(({ checks }) => checks));
  const measured = series.seconds.filter(({ second }) => second < series.durationSeconds);
  const sums = sumCounts(measured);
  // Not by the seconds that were reported: a thread that was held up reports two of them as one.
  const perSecond = (value: number): number => value / series.durationSeconds;
  const { total } = series;
  const connections: LoadReport['connections'] = {
    wanted: plan.connections + plan.publishers,
    neverOpen: results.reduce((sum, { neverOpen }) => sum + neverOpen, 0),
    connect: distributionOf(mergedOf(results.map(({ connect }) => connect))),
    refusals: mergeTallies(results.map(({ refusals }) => refusals)),
    closes: mergeTallies(results.map(({ closes }) => closes)),
  };
  const publishes: LoadReport['publishes'] = {
    sent: total.published,
    acknowledged: total.acknowledged,
    refused: total.refused,
    unanswered: outcome.unanswered,
    skipped: total.skipped,
    perSecond: perSecond(sums.published),
    acknowledgedPerSecond: perSecond(sums.acknowledged),
    ack: distributionOf(series.ack),
    late: distributionOf(series.late),
  };
  const deliveries: LoadReport['deliveries'] = {
    expected: verdict.expected,
    received: verdict.received,
    replayed: total.replayed,
    lost: verdict.lost,
    lossShare: verdict.expected === 0 ? 0 : verdict.lost / verdict.expected,
    duplicates: verdict.duplicates,
    reordered: verdict.reordered,
    gaps: verdict.gaps,
    announcedMissing: verdict.announced,
    historiesLost: verdict.historiesLost,
    perSecond: perSecond(sums.deliveries),
    bytesPerSecond: perSecond(sums.bytes),
    perMessage: sums.messages === 0 ? 0 : sums.deliveries / sums.messages,
    latency: distributionOf(series.delivery),
    curve: percentileCurve(series.delivery.count > 0 ? series.delivery : series.ack),
    decoded: results.reduce((sum, { decoded }) => sum + decoded, 0),
  };
  const storms = mergeStorms(results);
  const checks = deliveryChecks({ connections, publishes, deliveries, storms });
  const threads = generatorThreads(outcome);
  const { target, ...rest } = plan;
  return {
    kind: 'websocket',
    ...reportHead(context, checks, threads),
    url: target.url,
    wasInterrupted: outcome.wasInterrupted,
    measuredSeconds: measuredMs / 1_000,
    plan: rest,
    connections,
    publishes,
    deliveries,
    storms,
    slowReaders: plan.slowReaders === null ? null : slowReaders(results),
    errors: mergeTallies(results.map(({ errors }) => errors)),
    series: measured,
  };
}

/** What ran where, for whom, and what came of it. */
export function reportHead(
  { version, startedAt, command }: ReportContext,
  checks: readonly Check[],
  threads: readonly GeneratorThread[],
): Omit<ReportHead, 'url' | 'wasInterrupted' | 'measuredSeconds'> {
  const isVoid = threads.some(({ cpu }) => cpu > VOID_ABOVE);
  const isFailed = checks.some(({ ok }) => !ok);
  return {
    tool: 'signalbox load',
    version,
    startedAt: startedAt.toISOString(),
    command,
    machine: {
      host: hostname(),
      cpu: cpus()[0]?.model ?? 'unknown',
      processors: cpus().length,
      node: process.version,
    },
    verdict: isFailed ? 'failed' : isVoid ? 'void' : 'ok',
    checks,
    generator: { voidAbove: VOID_ABOVE, threads },
  };
}

/** The promises of docs/guarantees.md, as far as a client can see them. */
export function deliveryChecks(
  report: Pick<LoadReport, 'connections' | 'publishes' | 'deliveries' | 'storms'>,
): readonly Check[] {
  const { connections, publishes, deliveries, storms } = report;
  const check = (name: string, found: number, says: string): Check => ({ name, ok: found === 0, found, says });
  const notBack = storms.reduce((sum, { dropped, live }) => sum + dropped - live, 0);
  return [
    check('connected', connections.neverOpen, 'connections that were never subscribed'),
    check('nothing lost silently', deliveries.lost, 'messages that never came and no Gap announced'),
    check('no duplicates', deliveries.duplicates, 'messages that came twice'),
    check('in order', deliveries.reordered, 'messages that came after a later one'),
    check('every publish answered', publishes.unanswered, 'publishes without Ack or Error'),
    ...(storms.length === 0
      ? []
      : [check('everybody came back', notBack, 'dropped connections that were not live again in the end')]),
  ];
}

/** 0 ok, 1 a check failed, 3 the figures mean nothing. A fault is a fault, however busy the generator was. */
export function exitCodeOf({ verdict }: Pick<ReportHead, 'verdict'>): 0 | 1 | 3 {
  return verdict === 'ok' ? 0 : verdict === 'failed' ? 1 : 3;
}

function generatorThreads({ series, mainCpuShare, metronomeCpuShare }: RunOutcome): GeneratorThread[] {
  const threads = series.cpu.map(({ cpuUs, elapsedUs, busiest }, at) => {
    const cpu = elapsedUs === 0 ? 0 : cpuUs / elapsedUs;
    return { name: `thread ${at + 1}`, cpu, busiest: Math.max(cpu, busiest) };
  });
  const main = Number.isFinite(mainCpuShare) ? mainCpuShare : 0;
  return [
    ...threads,
    { name: 'main', cpu: main, busiest: main },
    ...(metronomeCpuShare === null ? [] : [{ name: 'metronome', cpu: metronomeCpuShare, busiest: metronomeCpuShare }]),
  ];
}

function slowReaders(results: readonly ThreadResult[]): NonNullable<LoadReport['slowReaders']> {
  return {
    deliveries: results.reduce((sum, { slowDeliveries }) => sum + slowDeliveries, 0),
    replayed: results.reduce((sum, { slowReplayed }) => sum + slowReplayed, 0),
    latency: distributionOf(mergedOf(results.map(({ slow }) => slow))),
  };
}

function mergeStorms(results: readonly ThreadResult[]): StormReport[] {
  const most = Math.max(0, ...results.map(({ storms }) => storms.length));
  return Array.from({ length: most }, (_, at) => {
    const parts = results.flatMap(({ storms }) => storms[at] ?? []);
    return {
      dropped: parts.reduce((sum, { dropped }) => sum + dropped, 0),
      live: parts.reduce((sum, { live }) => sum + live, 0),
      timeToLive: distributionOf(mergedOf(parts.map(({ timeToLive }) => timeToLive))),
    };
  });
}

function mergedOf(histograms: readonly ThreadResult['slow'][]): ReturnType<typeof latencyHistogram> {
  const all = latencyHistogram();
  for (const histogram of histograms) mergeLatency(all, histogram);
  return all;
}

export function mergeTallies(all: readonly Tallies[]): Tallies {
  const sum: Record<string, number> = {};
  for (const tallies of all) for (const [name, count] of Object.entries(tallies)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
