/** One worker's place: it is filled, watched, filled again after a crash, and emptied. */
import type { Alerts } from '../../telemetry/alerts.ts';
import type { Clock, Random, Scheduler, Timer } from '../../telemetry/clock.ts';
import type { Log } from '../../telemetry/log.ts';
import type { MetricSnapshot } from '../../telemetry/metrics-registry.ts';
import { isAlarming, restartDelay, STABLE_MS } from './back-off.ts';
import { SlotLifecycle, type SlotState } from './slot-machine.ts';
import type { Worker, WorkerEvents } from './worker-process.ts';

/** Questions in a row that a worker may leave unanswered before it is taken for hung. */
const MAX_UNANSWERED = 4;
/** Milliseconds that a worker may take to end when its grace period is over. */
const STOP_MS = 5_000;

export interface SlotPorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly log: Log;
  readonly alerts: Pick<Alerts, 'raise'>;
  /** Starts the process of this name. */
  launch(name: string, events: WorkerEvents): Worker;
  /** A worker has ended: its last figures. */
  retired(metrics: MetricSnapshot): void;
  /** A worker has ended that is not started again. */
  gone(): void;
}

export class WorkerSlot {
  readonly name: string;
  worker: Worker | null = null;
  /** How often it was started again after a crash. */
  restarts = 0;
  /** Crashes in a row. */
  crashes = 0;
  private readonly lifecycle = new SlotLifecycle();
  private readonly ports: SlotPorts;
  private servingSince: number | null = null;
  private unanswered = 0;
  private relaunch: Timer | null = null;
  private onOutcome: (serves: boolean) => void = () => {};
  private readonly awaitingEnd: (() => void)[] = [];

  constructor(name: string, ports: SlotPorts) {
    this.name = name;
    this.ports = ports;
  }

  get state(): SlotState {
    return this.lifecycle.state;
  }

  /** Fills the place. Resolves with whether the worker serves; one that does not is tried again later. */
  launch(): Promise<boolean> {
    const outcome = new Promise<boolean>((resolve) => {
      this.onOutcome = resolve;
    });
    this.lifecycle.send('LAUNCH');
    this.servingSince = null;
    this.unanswered = 0;
    this.worker = this.ports.launch(this.name, {
      serving: () => this.serving(),
      leaving: () => void this.lifecycle.send('DRAIN'),
      ended: (how) => this.ended(how),
    });
    return outcome;
  }

  /**
   * Empties the place. Resolves when nobody is there.
   * @param graceMs for its connections to leave; a worker that takes longer than this and {@link STOP_MS} is killed
   * @param listenerFirst others serve: newcomers are theirs
   */
  drain(graceMs: number, listenerFirst: boolean): Promise<void> {
    this.relaunch?.cancel();
    this.onOutcome(false);
    const { worker } = this;
    const state = this.lifecycle.send('DRAIN');
    if (state === 'gone' || worker === null) return Promise.resolve();
    const ended = new Promise<void>((resolve) => {
      this.awaitingEnd.push(resolve);
    });
    const limit = this.ports.scheduler.after(graceMs + STOP_MS, () => {
      this.ports.log.error('Worker does not end and is killed', { worker: this.name, pid: worker.pid });
      worker.kill();
    });
    worker.drain(graceMs, listenerFirst);
    return ended.finally(() => limit.cancel());
  }

  kill(): void {
    this.worker?.kill();
  }

  /** To be called every few seconds: a worker that hangs still gets its share of the connections, so it must go. */
  check(timeoutMs: number): void {
    const { worker } = this;
    if (worker === null) return;
    if (this.unanswered >= MAX_UNANSWERED) {
      this.ports.log.error('Worker hangs and is killed', { worker: this.name, pid: worker.pid });
      return worker.kill();
    }
    this.unanswered += 1;
    worker.call({ what: 'ping' }, timeoutMs).then(
      () => {
        this.unanswered = 0;
      },
      () => {},
    );
  }

  private serving(): void {
    this.servingSince = this.ports.clock.elapsed();
    this.lifecycle.send('SERVING');
    this.onOutcome(true);
  }

  private ended(how: number | string): void {
    if (this.worker !== null && this.worker.metrics !== null) this.ports.retired(this.worker.metrics);
    const pid = this.worker?.pid ?? 0;
    this.worker = null;
    this.onOutcome(false);
    if (this.lifecycle.send('ENDED') === 'waiting') this.crashed(how, pid);
    else {
      for (const resolve of this.awaitingEnd.splice(0)) resolve();
      this.ports.gone();
    }
  }

  private crashed(how: number | string, pid: number): void {
    const { clock, random, scheduler, log, alerts } = this.ports;
    const isStable = this.servingSince !== null && clock.elapsed() - this.servingSince >= STABLE_MS;
    this.crashes = isStable ? 1 : this.crashes + 1;
    const delay = restartDelay(this.crashes, random.fraction());
    const fields = { worker: this.name, pid, ended_with: how, crashes: this.crashes, restart_in_ms: delay };
    if (isAlarming(this.crashes)) alerts.raise('A worker crashes again and again', fields);
    else log.error('Worker crashed', fields);
    this.relaunch = scheduler.after(delay, () => {
      this.restarts += 1;
      void this.launch();
    });
  }
}
