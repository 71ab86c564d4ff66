/** Slices begin and end when the server sleeps: all the work of a slice is counted then, and to the microsecond. */
import { pause } from '../pause.ts';
import { cpuSecondsAtRest } from '../processes.ts';
import type { Slice } from './contest.ts';

const LOOK_SECONDS = 0.025;
/** In a look's time; heartbeats and sweeps of an idle server take less. */
const RESTFUL_SECONDS = 0.000_5;
const TRIES = 200;
const STEP_SECONDS = 0.002;
/** Without one of what it waits for. */
const SILENCE_SECONDS = 2;

/** @returns the processor time that the server has had until it came to rest */
export async function atRest(pid: number): Promise<number> {
  let before = cpuSecondsAtRest(pid);
  for (let tries = 0; tries < TRIES; tries += 1) {
    await pause(LOOK_SECONDS);
    const now = cpuSecondsAtRest(pid);
    if (now - before < RESTFUL_SECONDS) return before;
    before = now;
  }
  return before;
}

/** Several processes that work for each other: waits until all of them have come to rest in the same moment, at most as long as {@link atRest}. */
export async function allAtRest(pids: readonly number[]): Promise<readonly number[]> {
  let before = pids.map(cpuSecondsAtRest);
  for (let tries = 0; tries < TRIES; tries += 1) {
    await pause(LOOK_SECONDS);
    const now = pids.map(cpuSecondsAtRest);
    if (now.every((seconds, at) => seconds - (before[at] ?? 0) < RESTFUL_SECONDS)) return before;
    before = now;
  }
  return before;
}

/** Waits until a count has come so far, as long as it rises. @returns whether it has */
export async function reached(count: () => number, goal: number, silence = SILENCE_SECONDS): Promise<boolean> {
  for (let seen = -1, still = 0; count() < goal && still * STEP_SECONDS < silence;) {
    still = seen === count() ? still + 1 : 0;
    seen = count();
    await pause(STEP_SECONDS);
  }
  return count() >= goal;
}

/** Work from rest to rest: what it cost the server, and how busy this process was with it. */
export async function measured(
  pid: number,
  run: () => Promise<void>,
): Promise<{ cpu: number; generatorCpuShare: Slice['generatorCpuShare'] }> {
  const before = await atRest(pid);
  const own = process.cpuUsage();
  const started = performance.now();
  await run();
  const seconds = (performance.now() - started) / 1_000;
  const { user, system } = process.cpuUsage(own);
  return { cpu: (await atRest(pid)) - before, generatorCpuShare: (user + system) / 1e6 / seconds };
}
