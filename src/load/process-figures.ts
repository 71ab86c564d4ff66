/** What a process of this machine costs, as the kernel counts it: processor time from rest to rest, resident memory. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const LOOK_MS = 25;
/** In a look's time; heartbeats and sweeps of an idle server take less. */
const RESTFUL_SECONDS = 0.000_5;
const TRIES = 200;
const STEP_MS = 2;
/** Without one of what it waits for. */
const SILENCE_SECONDS = 2;

/**
 * Processor time to the microsecond, from the scheduler's own account of each thread. Exact only while the process sleeps: the
 * share of a thread that is running is brought up to date at the kernel's next tick.
 */
export function cpuSecondsAtRest(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`))
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  return nanoseconds / 1e9;
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1_024;
}

/** @returns the processor time that a process has had until it came to rest */
export async function atRest(pid: number): Promise<number> {
  const [seconds = 0] = await allAtRest([pid]);
  return seconds;
}

/** Several processes that work for each other: waits until all of them have come to rest in the same moment, at most as long as {@link atRest}. */
export async function allAtRest(pids: readonly number[]): Promise<readonly number[]> {
  let before = pids.map(cpuSecondsAtRest);
  for (let tries = 0; tries < TRIES; tries += 1) {
    await delay(LOOK_MS);
    const now = pids.map(cpuSecondsAtRest);
    if (now.every((seconds, at) => seconds - (before[at] ?? 0) < RESTFUL_SECONDS)) return before;
    before = now;
  }
  return before;
}

/** Waits until a count has come so far, as long as it rises. @returns whether it has */
export async function reached(count: () => number, goal: number, silence = SILENCE_SECONDS): Promise<boolean> {
  for (let seen = -1, still = 0; count() < goal && (still * STEP_MS) / 1_000 < silence;) {
    still = seen === count() ? still + 1 : 0;
    seen = count();
    await delay(STEP_MS);
  }
  return count() >= goal;
}
