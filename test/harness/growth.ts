/** How the time of a piece of work grows when its input doubles: about 2 when it is linear, 4 when it is quadratic. */

/** What a doubled input may cost at most. */
export const LINEAR = 2.5;

/** A sample takes at least so long, in ms: many runs of it, where one is short. */
const SAMPLE_MS = 0.2;
const MAX_RUNS = 4_000;
const WARM_UP = 3;
const ROUNDS = 5;
const TRIES = 6;

/** A piece of work with its input prepared for a size. */
export type Prepare = (size: number) => () => void;

/**
 * @returns the time for `size` in times of that for half of it: the mean of two doublings, because one of them may be the
 * one at which memory outgrows a cache or a collection
 */
export function growthOf(prepare: Prepare, size: number): number {
  const [quarter, whole] = [prepare(Math.floor(size / 4)), prepare(size)];
  // Compiled by then, and with the memory that they need.
  timeOf(quarter, WARM_UP);
  timeOf(whole, WARM_UP);
  const runs = Math.min(MAX_RUNS, Math.max(1, Math.ceil(SAMPLE_MS / Math.max(timeOf(quarter, 3) / 3, 1e-6))));
  let least = Infinity;
  for (let at = 0; at < TRIES && least > LINEAR; at += 1)
    least = Math.min(least, Math.sqrt(ratioOf(quarter, whole, runs)));
  return least;
}

/** Of the medians of alternating rounds, or of the shortest ones: what others do to the caches, and a collection, only add. */
function ratioOf(quarter: () => void, whole: () => void, runs: number): number {
  const quarters: number[] = [];
  const wholes: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    quarters.push(timeOf(quarter, runs));
    wholes.push(timeOf(whole, runs));
  }
  return Math.min(median(wholes) / median(quarters), Math.min(...wholes) / Math.min(...quarters));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/**
 * In ms that this thread may have had the processor for: the clock also counts other processes that had it in between, and
 * the processor time of the process counts its compiler's and collector's threads, so it is the lesser of the two.
 */
export function timeOf(work: () => void, runs = 1): number {
  const before = process.cpuUsage();
  const started = performance.now();
  for (let at = 0; at < runs; at += 1) work();
  const elapsed = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  return Math.min(elapsed, (user + system) / 1_000);
}
