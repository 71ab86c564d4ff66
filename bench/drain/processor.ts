/** How busy the machine is, and who keeps it busy. */
import { readFileSync } from 'node:fs';
import { cpuSeconds } from '../processes.ts';

export interface Busy {
  /** Share of all processors that did nothing. */
  readonly idle: number;
  /** Share that the processes of this run had. */
  readonly own: number;
  /** Seconds that each of them had, by what it is. */
  readonly seconds: ReadonlyMap<string, number>;
}

interface Reading {
  readonly total: number;
  readonly idle: number;
  readonly own: ReadonlyMap<string, number>;
}

const TICKS = 100;

export class Processors {
  readonly #pids: ReadonlyMap<string, number>;
  #before: Reading | null = null;

  /** @param pids of the processes of this run, by what they are */
  constructor(pids: ReadonlyMap<string, number>) {
    this.#pids = pids;
    this.take();
  }

  /** Since the last time. */
  take(): Busy {
    const before = this.#before ?? this.#read();
    const now = this.#read();
    this.#before = now;
    const total = Math.max(1, now.total - before.total);
    const seconds = new Map([...now.own].map(([name, used]) => [name, used - (before.own.get(name) ?? 0)]));
    const own = [...seconds.values()].reduce((sum, used) => sum + used, 0);
    return { idle: (now.idle - before.idle) / total, own: (own * TICKS) / total, seconds };
  }

  #read(): Reading {
    const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
    const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
    const own = new Map<string, number>();
    for (const [name, pid] of this.#pids) own.set(name, secondsOf(pid) ?? this.#before?.own.get(name) ?? 0);
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
