/** How busy the machine is, and who keeps it busy. */
import { readFileSync } from 'node:fs';
import { cpuSeconds } from '../processes.ts';

export interface Busy {
  /** Share of all processors that did nothing. */
  readonly idle: number;
  /** Share that the processes of this run had. */
  readonly own: number;
}

interface Reading {
  readonly total: number;
  readonly idle: number;
  readonly own: ReadonlyMap<number, number>;
}

const TICKS = 100;

export class Processors {
  readonly #pids: readonly number[];
  #before: Reading;

  constructor(pids: readonly number[]) {
    this.#pids = pids;
    this.#before = this.#read();
  }

  /** Since the last time. */
  take(): Busy {
    const before = this.#before;
    const now = this.#read();
    this.#before = now;
    const total = Math.max(1, now.total - before.total);
    let own = 0;
    for (const [pid, seconds] of now.own) own += seconds - (before.own.get(pid) ?? 0);
    return { idle: (now.idle - before.idle) / total, own: (own * TICKS) / total };
  }

  #read(): Reading {
    const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
    const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
    const own = new Map<number, number>();
    for (const pid of this.#pids) own.set(pid, this.#before?.own.get(pid) ?? 0);
    for (const pid of this.#pids) own.set(pid, secondsOf(pid) ?? own.get(pid) ?? 0);
    return { total: fields.reduce((sum, ticks) => sum + ticks, 0), idle: (fields[3] ?? 0) + (fields[4] ?? 0), own };
  }
}

/** `null` when it has ended: what it used since the last look is not known. */
function secondsOf(pid: number): number | null {
  try {
    return cpuSeconds(pid);
  } catch {
    return null;
  }
}
