/** A run from the main thread's side: starts the threads, gives the orders, adds up what they report. */
import { setTimeout as delay } from 'node:timers/promises';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { Metronome } from './metronome.ts';
import { rampMs, type Credentials, type LoadPlan } from './plan.ts';
import { RunClock, type ClockBase } from './run-clock.ts';
import { Series } from './series.ts';
import type { ThreadStart } from './thread.ts';
import { threadCpuUs } from './thread-cpu.ts';
import type { Order, Report, ThreadData, ThreadResult } from './thread-messages.ts';
import { SharedProgress } from './window.ts';

/** After the ramp, for connections that are still on their way. */
const CONNECT_GRACE_MS = 30_000;
const LEAD_MS = 100;

export type Phase = 'preparing' | 'connecting' | 'warming up' | 'measuring' | 'settling' | 'done';

export interface RunOutcome {
  readonly series: Series;
  readonly results: readonly ThreadResult[];
  readonly unanswered: number;
  readonly measuredMs: number;
  readonly wasInterrupted: boolean;
  readonly mainCpuShare: number;
  readonly metronomeCpuShare: number | null;
}

/** What a report of a thread must be to be waited for. */
type Waited = Exclude<Report['type'], 'tick' | 'wake'>;

export class LoadRun {
  phase: Phase = 'preparing';
  readonly series: Series;
  /** µs of the run's clock; 0 until it is known. */
  measureFrom = 0;
  readonly clock: RunClock;
  private readonly plan: LoadPlan;
  private readonly workers: Worker[] = [];
  private readonly reports: Report[][];
  private readonly waiters = new Set<() => void>();
  private readonly stopping = new AbortController();
  private failure: Error | null = null;
  private metronome: Metronome | null = null;

  constructor(plan: LoadPlan, credentials: Credentials) {
    const base = process.hrtime();
    this.plan = plan;
    this.clock = new RunClock(base);
    this.series = new Series(plan.threads);
    this.reports = Array.from({ length: plan.threads }, () => []);
    const shared = new SharedArrayBuffer(SharedProgress.bytes);
    const ports = this.startMetronome(base);
    for (let thread = 0; thread < plan.threads; thread += 1)
      this.startThread({ plan, credentials, thread, base, shared }, ports[thread] ?? null);
  }

  /** Ends the run early: what was sent is still waited for and checked. */
  stop(): void {
    this.stopping.abort();
    this.order({ type: 'cease' });
    this.look();
  }

  /** @throws Error when a thread of the generator breaks */
  async run(): Promise<RunOutcome> {
    try {
      return await this.phases();
    } finally {
      await this.metronome?.stop();
      await Promise.all(this.workers.map((worker) => worker.terminate()));
    }
  }

  private async phases(): Promise<RunOutcome> {
    await this.all('ready');
    this.phase = 'connecting';
    this.order({ type: 'connect', at: this.clock.now() });
    await this.connected();
    const { from, measureFrom, until } = this.times();
    this.measureFrom = measureFrom;
    this.order({ type: 'publish', from, measureFrom, until });
    this.metronome?.start(from);
    if (this.stopping.signal.aborted) this.order({ type: 'cease' });
    void this.announcePhases(measureFrom);
    await this.sleepUntil(measureFrom);
    const cpu = threadCpuUs();
    await this.sleepUntil(until);
    const measuredMs = Math.max(0, this.clock.now() - measureFrom) / 1_000;
    const mainCpuShare = (threadCpuUs() - cpu) / (measuredMs * 1_000);
    this.series.durationSeconds = Math.max(1, Math.floor(measuredMs / 1_000));
    this.phase = 'settling';
    const published = await this.all('published');
    const beating = this.clock.now() - from;
    const metronomeCpu = await this.metronome?.stop();
    const heads = mergeHeads(published);
    this.order({ type: 'settle', heads, quietMs: this.plan.settleMs });
    const results = await this.all('done');
    this.phase = 'done';
    this.series.end();
    return {
      series: this.series,
      results,
      unanswered: published.reduce((sum, { unanswered }) => sum + unanswered, 0),
      measuredMs,
      wasInterrupted: this.stopping.signal.aborted,
      mainCpuShare,
      metronomeCpuShare: metronomeCpu === undefined ? null : beating > 0 ? metronomeCpu / beating : 0,
    };
  }

  private times(): { from: number; measureFrom: number; until: number } {
    const from = this.clock.now() + LEAD_MS * 1_000;
    const measureFrom = from + this.plan.warmUpMs * 1_000;
    return { from, measureFrom, until: measureFrom + this.plan.durationMs * 1_000 };
  }

  private async announcePhases(measureFrom: number): Promise<void> {
    this.phase = 'warming up';
    await this.sleepUntil(measureFrom);
    if (this.phase === 'warming up') this.phase = 'measuring';
  }

  /** Waits for all connections, but not for ever: those that are missing are reported. */
  private async connected(): Promise<void> {
    const patience = new AbortController();
    const enough = delay(rampMs(this.plan) + CONNECT_GRACE_MS, undefined, { signal: patience.signal }).catch(() => {});
    await Promise.race([this.all('connected'), enough, this.stopped()]);
    patience.abort();
  }

  private stopped(): Promise<void> {
    const { signal } = this.stopping;
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  private async sleepUntil(us: number): Promise<void> {
    const ms = (us - this.clock.now()) / 1_000;
    if (ms > 0) await delay(ms, undefined, { signal: this.stopping.signal }).catch(() => {});
  }

  private order(order: Order): void {
    for (const worker of this.workers) worker.postMessage(order);
  }

  /** The report of this type from every thread. */
  private all<Type extends Waited>(type: Type): Promise<Extract<Report, { type: Type }>[]> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = this.reports.flatMap((reports) => reports.find((report) => report.type === type) ?? []);
        if (this.failure !== null) reject(this.failure);
        else if (found.length === this.workers.length) resolve(found as Extract<Report, { type: Type }>[]);
        else return;
        this.waiters.delete(check);
      };
      this.waiters.add(check);
      check();
    });
  }

  private look(): void {
    for (const waiter of this.waiters) waiter();
  }

  /** @returns the ports on which threads hear the beats; those that have nothing to publish have none */
  private startMetronome(base: ClockBase): MessagePort[] {
    const { pace, threads, publishers } = this.plan;
    if (pace.kind !== 'rate') return [];
    const channels = Array.from({ length: Math.min(threads, publishers) }, () => new MessageChannel());
    this.metronome = new Metronome(
      base,
      pace.perSecond,
      channels.map(({ port1 }) => port1),
    );
    return channels.map(({ port2 }) => port2);
  }

  private startThread(data: ThreadData, beats: MessagePort | null): void {
    const start: ThreadStart = { ...data, beats };
    const worker = new Worker(new URL('thread.ts', import.meta.url), {
      workerData: start,
      transferList: beats === null ? [] : [beats],
    });
    worker.on('message', (report: Report) => this.reported(data.thread, report));
    worker.on('error', (error) => {
      this.failure ??= error instanceof Error ? error : new Error(String(error));
      this.look();
    });
    this.workers.push(worker);
  }

  private reported(thread: number, report: Report): void {
    if (report.type === 'tick') this.series.add(report);
    else if (report.type === 'wake') this.workers[0]?.postMessage({ type: 'wake' } satisfies Order);
    else {
      this.reports[thread]?.push(report);
      this.look();
    }
  }
}

/** Where every topic stands in the end: the newest sequence that any thread has seen acknowledged. */
function mergeHeads(published: readonly Extract<Report, { type: 'published' }>[]): Float64Array {
  const heads = new Float64Array(published[0]?.heads.length ?? 0);
  for (const topic of heads.keys()) {
    const newest = Math.max(...published.map((one) => one.heads[topic] ?? 0));
    const unnumbered = published.reduce((sum, one) => sum + (one.unnumbered[topic] ?? 0), 0);
    heads[topic] = Math.max(newest, unnumbered);
  }
  return heads;
}
