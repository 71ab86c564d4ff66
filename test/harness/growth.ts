/** How the time of a piece of work grows when its input doubles: about 2 when it is linear, 4 when it is quadratic. */

/** What a doubled input may cost at most. */
export const LINEAR = 2.5;

/** A sample takes at least so long, in ms: many runs of it, where one is short. */
const SAMPLE_MS = 0.4;
const MAX_RUNS = 4_000;
const WARM_UP = 3;
const ROUNDS = 7;
const TRIES = 6;

/** A piece of work with its input prepared for a size. */
export type Prepare = (size: number) => () => void;

/** @returns the time for `size` in times of that for half of it */
export function growthOf(prepare: Prepare, size: number): number {
  const [half, whole] = [prepare(Math.floor(size / 2)), prepare(size)];
  // Compiled by then, and with the memory that they need.
  timeOf(half, WARM_UP);
  timeOf(whole, WARM_UP);
  const runs = Math.min(MAX_RUNS, Math.max(1, Math.ceil(SAMPLE_MS / Math.max(timeOf(half, 3) / 3, 1e-6))));
  let least = Infinity;
  for (let at = 0; at < TRIES && least > LINEAR; at += 1) least = Math.min(least, ratioOf(half, whole, runs));
  return least;
}

/** Of the medians of alternating rounds, or of the shortest ones: what others do to the caches, and a collection, only add. */
function ratioOf(half: () => void, whole: () => void, runs: number): number {
  const halves: number[] = [];
  const wholes: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    halves.push(timeOf(half, runs));
    wholes.push(timeOf(whole, runs));
  }
  return Math.min(median(wholes) / median(halves), Math.min(...wholes) / Math.min(...halves));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** In ms of this process's processor time: the clock would also count other processes that had the processor in between. */
export function timeOf(work: () => void, runs = 1): number {
  const started = process.cpuUsage();
  for (let at = 0; at < runs; at += 1) work();
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1_000;
}
