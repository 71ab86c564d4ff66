/**
 * W5: 100 healthy and 10 stalled subscribers of one topic, 2,000 messages of 1 kB a second. The stalled stop reading,
 * then read on; what they get is checked to the end. In pairs with and without the stalled ones, because one run
 * differs from the next by more than the stall does.
 */
import type { StalledClients } from '../generator/stalled-clients.ts';
import type { Tally } from '../generator/tally.ts';
import { pause } from '../pause.ts';
import { cpuSeconds, residentBytes } from '../processes.ts';
import type { Plan, Section } from '../section.ts';
import { SERVERS, type Settings } from '../servers.ts';
import { readCounters } from '../server-counters.ts';
import { median, milliseconds } from '../statistics.ts';
import { arrival } from './fan-out.ts';
import { HEALTHY, openStallScene, PER_SECOND, STALLED } from './stall-scene.ts';

interface StallResult {
  readonly stalled: number;
  readonly during: Latency;
  readonly after: Latency;
  readonly growthMegabytes: number;
  readonly serverCpuShare: number;
  /** Of all stalled clients together. */
  readonly expected: number;
  readonly received: number;
  readonly announced: number;
  readonly gaps: number;
  /** Seconds from reading on until nothing more was missing. */
  readonly caughtUpSeconds: number;
  readonly disconnected: number;
  readonly healthyFaults: number;
  readonly healthyAnnounced: number;
  readonly stalledFaults: number;
  readonly unaccounted: number;
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

interface Pair {
  readonly log: string;
  readonly without: StallResult;
  readonly with: StallResult;
}

const WARM_UP_SECONDS = 1;
const WARM_UP_STALL_SECONDS = 4;
const SHALLOW = '1,000 messages';
const DEEP: Settings = { 'topics.history': '65536' };
const CATCH_UP_SECONDS = 20;
const MEGABYTE = 1_048_576;
/** So many messages missing of all stalled clients together, a tenth of a second each: they are live again. */
const LIVE_AGAIN = (STALLED * PER_SECOND) / 10;
const LOOK_SECONDS = 0.1;

export async function w5(plan: Plan): Promise<Section> {
  plan.say('W5: 100 healthy and 10 stalled subscribers, 2,000 msg/s x 1 kB');
  const pairs: Pair[] = [];
  for (let round = 0; round < plan.rounds; round += 1) pairs.push(await pair('65,536 messages', DEEP, plan));
  // What becomes of the stalled when the log does not reach back far enough: their gaps must add up.
  const shallow = await pair(SHALLOW, {}, plan, pairs.at(-1)?.without);
  const deep = [...pairs];
  pairs.push(shallow);
  const medianOf = (figure: (each: Pair) => number): number => median(deep.map(figure));
  const all = pairs.map((each) => each.with);
  return {
    id: 'w5',
    title: 'W5: 100 healthy and 10 stalled subscribers, 2,000 messages of 1 kB a second for 30 s',
    notes: [
      `The stalled ones read nothing for two thirds of the time and then go on; ${PER_SECOND * HEALTHY} healthy deliveries a second all the while. Latency of the healthy, from the intended time of sending, in ms.`,
    ],
    tables: [table(pairs)],
    charts: [],
    targets: [
      ratioTarget(
        'p50 while stalled',
        medianOf((each) => each.with.during.p50 / each.without.during.p50),
      ),
      ratioTarget(
        'p99 while stalled',
        medianOf((each) => each.with.during.p99 / each.without.during.p99),
      ),
      ratioTarget(
        'p50 while they catch up from a deep log',
        medianOf((each) => each.with.after.p50 / each.without.after.p50),
      ),
      ratioTarget(
        'p99 while they catch up from a deep log',
        medianOf((each) => each.with.after.p99 / each.without.after.p99),
      ),
      {
        text: 'W5, stalled clients: neither delivered nor announced, duplicated, disconnected, unaccounted',
        goal: 0,
        compare: '<=',
        reached: all.reduce(
          (sum, run) => sum + run.stalledFaults + run.healthyFaults + run.disconnected + run.unaccounted,
          0,
        ),
      },
    ],
    figures: pairs,
  };
}

function ratioTarget(what: string, reached: number): Section['targets'][0] {
  return { text: `W5, healthy ${what}, × the same without stalled ones`, goal: 1.3, compare: '<=', reached };
}

/** The run without stalled ones right beside the one with them, unless it is known. */
async function pair(log: string, settings: Settings, plan: Plan, known?: StallResult): Promise<Pair> {
  const without = known ?? (await run(0, settings, plan));
  const stalled = await run(STALLED, settings, plan);
  plan.say(
    `  log of ${log}: p50/p99 ${latency(without.during)} without, ${latency(stalled.during)} with, ${latency(stalled.after)} while they catch up; ` +
      `${stalled.received} + ${stalled.announced} announced of ${stalled.expected}, +${stalled.growthMegabytes.toFixed(0)} MB, ` +
      `${stalled.disconnected} disconnected, ${stalled.stalledFaults + stalled.healthyFaults} faults`,
  );
  return { log, without, with: stalled };
}

async function run(stalledCount: number, settings: Settings, plan: Plan): Promise<StallResult> {
  // Without stalled ones nothing changes on the way, so half the time tells as much.
  const seconds = plan.isQuick ? 4 : stalledCount === 0 ? 15 : 30;
  const stallSeconds = Math.round((seconds * 2) / 3);
  const running = await SERVERS['signalbox-json'].start(settings);
  const { pid, port } = running;
  const { tally, stalled, publisher, close } = await openStallScene(port, stalledCount);
  try {
    publisher.atRate(PER_SECOND);
    await pause(WARM_UP_SECONDS);
    // The way back is compiled too before it is measured, like everything else; the kernel alone holds two seconds.
    await stalled.pause();
    await pause(WARM_UP_STALL_SECONDS);
    await stalled.resume();
    await catchUp(stalled, () => publisher.sent * stalledCount);
    await pause(WARM_UP_SECONDS);
    const before = { rss: residentBytes(pid), cpu: cpuSeconds(pid), at: performance.now() };
    await stalled.pause();
    const during = await measured(tally, stallSeconds);
    await stalled.resume();
    const caughtUp = catchUp(stalled, () => publisher.sent * stalledCount);
    const after = await measured(tally, seconds - stallSeconds);
    const growth = (residentBytes(pid) - before.rss) / MEGABYTE;
    const share = (cpuSeconds(pid) - before.cpu) / ((performance.now() - before.at) / 1_000);
    publisher.stop();
    await arrival(tally, () => publisher.expected);
    const expected = publisher.sent * stalledCount;
    const caughtUpSeconds = await caughtUp;
    let counts = await stalled.counts();
    for (let waited = 0; waited < CATCH_UP_SECONDS && counts.received + counts.announced < expected; waited += 1) {
      await pause(1);
      counts = await stalled.counts();
    }
    const counters = await readCounters(port);
    return {
      stalled: stalledCount,
      during,
      after,
      growthMegabytes: growth,
      serverCpuShare: share,
      expected,
      received: counts.received,
      announced: counts.announced,
      gaps: counts.gaps,
      caughtUpSeconds,
      disconnected: tally.closed + counts.closed,
      healthyFaults: tally.faults + Math.abs(publisher.expected - tally.received - tally.announced),
      // On a machine that is too busy a healthy client falls behind a short log too.
      healthyAnnounced: tally.announced,
      stalledFaults: counts.faults + Math.abs(expected - counts.received - counts.announced),
      unaccounted: counters.unaccounted + counters.nativeDropped,
    };
  } finally {
    close();
    await running.stop();
  }
}

/** Seconds until little is missing; looked at from time to time, because the answer comes from another process. */
async function catchUp(stalled: StalledClients, expected: () => number): Promise<number> {
  const started = performance.now();
  while (performance.now() - started < CATCH_UP_SECONDS * 1_000) {
    const { received, announced } = await stalled.counts();
    if (expected() - received - announced <= LIVE_AGAIN) return (performance.now() - started) / 1_000;
    await pause(LOOK_SECONDS);
  }
  return Number.NaN;
}

async function measured(tally: Tally, seconds: number): Promise<Latency> {
  tally.latency.reset();
  tally.sample(true);
  await pause(seconds);
  tally.sample(false);
  return { p50: tally.latency.percentile(50) / 1_000, p99: tally.latency.percentile(99) / 1_000 };
}

function latency({ p50, p99 }: Latency): string {
  return `${milliseconds(p50)}/${milliseconds(p99)}`;
}

function table(pairs: readonly Pair[]): Section['tables'][0] {
  return {
    columns: [
      'log',
      'p50/p99 without',
      'while stalled',
      'while they catch up',
      '(without, same time)',
      'stalled got',
      'announced as lost',
      'of',
      'live again after',
      'memory without / with',
      'disconnected',
      'wrong',
      'unaccounted',
    ],
    rows: pairs.map(({ log, without, with: run }) => [
      log,
      latency(without.during),
      `**${latency(run.during)}**`,
      `**${latency(run.after)}**`,
      latency(without.after),
      run.received.toLocaleString('en'),
      `${run.announced.toLocaleString('en')} (${run.gaps} gaps)${run.healthyAnnounced > 0 ? `, of the healthy ${run.healthyAnnounced.toLocaleString('en')}` : ''}`,
      run.expected.toLocaleString('en'),
      `${run.caughtUpSeconds.toFixed(1)} s`,
      `+${without.growthMegabytes.toFixed(0)} / +${run.growthMegabytes.toFixed(0)} MB`,
      String(run.disconnected),
      String(run.stalledFaults + run.healthyFaults),
      String(run.unaccounted),
    ]),
  };
}
