/** What a thread counts. Once a second it is handed over and begins anew. */
import type { RecordableHistogram } from 'node:perf_hooks';
import { latencyHistogram, recordLatency } from './latency.ts';
import type { RunClock } from './run-clock.ts';
import type { SequenceCheck } from './sequence-check.ts';
import type { Counts, Tick } from './thread-messages.ts';
import { threadCpuUs } from './thread-cpu.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

function noCounts(): Mutable<Counts> {
  return {
    deliveries: 0,
    replayed: 0,
    messages: 0,
    bytes: 0,
    published: 0,
    acknowledged: 0,
    refused: 0,
    skipped: 0,
  };
}

export class ThreadTally {
  /** When the chunk was read whose messages are being handled. */
  chunkAt = 0;
  /** Latency counts for publishes that were meant for this time or later. */
  measureFrom = Infinity;
  counts = noCounts();
  open = 0;
  slowDeliveries = 0;
  slowReplayed = 0;
  readonly slow = latencyHistogram();
  readonly connect = latencyHistogram();
  readonly refusals: Record<string, number> = {};
  readonly closes: Record<string, number> = {};
  readonly errors: Record<string, number> = {};
  private delivery: RecordableHistogram = latencyHistogram();
  private ack: RecordableHistogram = latencyHistogram();
  private late: RecordableHistogram = latencyHistogram();
  private takenAt: number;
  private takenCpu = threadCpuUs();
  private readonly clock: RunClock;

  constructor(clock: RunClock) {
    this.clock = clock;
    this.takenAt = clock.now();
  }

  /** A live delivery. */
  delivered(stamp: number, isSlowReader: boolean): void {
    this.counts.deliveries += 1;
    if (isSlowReader) this.slowDeliveries += 1;
    if (stamp >= this.measureFrom) recordLatency(isSlowReader ? this.slow : this.delivery, this.chunkAt - stamp);
  }

  /** From the log: its age says when the client was away, not how fast the server is. */
  replayed(isSlowReader: boolean): void {
    this.counts.deliveries += 1;
    this.counts.replayed += 1;
    if (isSlowReader) this.slowReplayed += 1;
  }

  acknowledged(stamp: number): void {
    this.counts.acknowledged += 1;
    if (stamp >= this.measureFrom) recordLatency(this.ack, this.chunkAt - stamp);
  }

  /** @param stamp when it should have been sent. @param now when it was */
  sentLate(stamp: number, now: number): void {
    if (stamp >= this.measureFrom) recordLatency(this.late, now - stamp);
  }

  /** @param second whole seconds since the measurement began */
  take(thread: number, second: number, checks: SequenceCheck): Tick {
    const now = this.clock.now();
    const cpu = threadCpuUs();
    const tick: Tick = {
      type: 'tick',
      thread,
      second,
      ...this.counts,
      delivery: this.delivery,
      ack: this.ack,
      open: this.open,
      cpuUs: cpu - this.takenCpu,
      elapsedUs: now - this.takenAt,
      checks: { ...checks.verdict },
      late: this.late,
    };
    this.counts = noCounts();
    // The histogram that was handed over is another thread's from now on.
    this.delivery = latencyHistogram();
    this.ack = latencyHistogram();
    this.late = latencyHistogram();
    this.takenAt = now;
    this.takenCpu = cpu;
    return tick;
  }
}

export function addTo(tallies: Record<string, number>, name: string, count = 1): void {
  tallies[name] = (tallies[name] ?? 0) + count;
}
