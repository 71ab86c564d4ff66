/**
 * A thread that does nothing but wait: `Atomics.wait` is exact to a tenth of a millisecond, timers of the event loop are
 * late by 0.6 ms on average, which would be measured as the server's latency (docs/load-testing.md has the figures).
 */
import { Worker, workerData, type MessagePort } from 'node:worker_threads';
import { RunClock, type ClockBase } from './run-clock.ts';
import { threadCpuUs } from './thread-cpu.ts';

/** Shortest time between two beats; a faster rate sends several publishes a beat. */
const MIN_STEP_US = 500;

interface MetronomeData {
  readonly shared: SharedArrayBuffer;
  readonly base: ClockBase;
  readonly stepUs: number;
  readonly ports: readonly MessagePort[];
}

const [STATE, IDLE, BEATING, ENDED] = [0, 0, 1, 2];
/** In 64-bit floats: when the first beat is due, and the processor time of all beats in the end, both in µs. */
const [FROM, CPU] = [1, 2];

export class Metronome {
  private readonly worker: Worker;
  private readonly state: Int32Array;
  private readonly values: Float64Array;
  private readonly exited: Promise<void>;

  /** @param perSecond publishes in total */
  constructor(base: ClockBase, perSecond: number, ports: readonly MessagePort[]) {
    const shared = new SharedArrayBuffer(24);
    this.state = new Int32Array(shared, 0, 1);
    this.values = new Float64Array(shared);
    const data: MetronomeData = { shared, base, ports, stepUs: Math.max(MIN_STEP_US, 1e6 / perSecond) };
    this.worker = new Worker(new URL(import.meta.url), {
      workerData: data,
      transferList: [...ports],
      execArgv: [],
    });
    this.exited = new Promise((resolve) => {
      this.worker.once('exit', () => resolve());
    });
  }

  /** @param from µs of the run's clock */
  start(from: number): void {
    this.values[FROM] = from;
    this.change(BEATING);
  }

  /** @returns the processor time of its beats in µs */
  async stop(): Promise<number> {
    this.change(ENDED);
    await this.exited;
    return this.values[CPU] as number;
  }

  private change(state: number): void {
    Atomics.store(this.state, STATE, state);
    Atomics.notify(this.state, STATE);
  }
}

function beat({ shared, base, stepUs, ports }: MetronomeData): void {
  const state = new Int32Array(shared, 0, 1);
  const values = new Float64Array(shared);
  const clock = new RunClock(base);
  Atomics.wait(state, STATE, IDLE);
  const from = values[FROM] as number;
  const startedCpu = threadCpuUs();
  for (let due = from; Atomics.load(state, STATE) === BEATING; due += stepUs) {
    const waitMs = (due - clock.now()) / 1_000;
    if (waitMs > 0 && Atomics.wait(state, STATE, BEATING, waitMs) !== 'timed-out') break;
    for (const port of ports) port.postMessage(0);
    // Held up by others: the threads send what is due by the clock, so beats that are over need not be made up for.
    const behind = Math.floor((clock.now() - due) / stepUs);
    if (behind > 1) due += (behind - 1) * stepUs;
  }
  for (const port of ports) port.close();
  values[CPU] = threadCpuUs() - startedCpu;
}

const data = workerData as Partial<MetronomeData> | null;
if (data?.stepUs !== undefined) beat(data as MetronomeData);
