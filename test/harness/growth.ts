/**
 * How the time of a piece of work grows when its input doubles: about 2 when it is linear, 4 when it is quadratic. For what can
 * only be timed, such as an expression; what runs code of the source is counted (steps.ts), which no other process changes.
 */

/** What a doubled input may cost at most. */
export const LINEAR = 2.5;

/** A sample takes at least so long, in ms: many runs of it, where one is short. */
const SAMPLE_MS = 0.2;
const MAX_RUNS = 4_000;
const WARM_UP = 3;
const ROUNDS = 5;
const TRIES = 12;
/** Beyond this it is no noise, and two tries are enough. */
const HOPELESS = 3.2;
/** Doublings from the smaller size to the larger one: the more, the less it matters that one of them outgrows a cache. */
const DOUBLINGS = 3;

/** A piece of work with its input prepared for a size. */
export type Prepare = (size: number) => () => void;

/**
 * The mean of several doublings, or the last one where that is less. Growth that is worse than linear is worst in the last one, so
 * the mean decides there. Memory that outgrows what the process has at hand is a step in one of the others: a page that is touched
 * for the first time costs some machines twenty times what is done in it.
 * @returns the time for `size` in times of that for half of it
 */
export function growthOf(prepare: Prepare, size: number): number {
  const [part, half, whole] = [prepare(Math.floor(size / 2 ** DOUBLINGS)), prepare(size >> 1), prepare(size)];
  // Compiled by then, and with the memory that they need.
  timeOf(part, WARM_UP);
  timeOf(half, WARM_UP);
  timeOf(whole, WARM_UP);
  const runs = Math.min(MAX_RUNS, Math.max(1, Math.ceil(SAMPLE_MS / Math.max(timeOf(part, 3) / 3, 1e-6))));
  let least = Infinity;
  for (let at = 0; at < (least > HOPELESS ? 2 : TRIES) && least > LINEAR; at += 1) {
    least = Math.min(least, ratioOf(part, whole, runs) ** (1 / DOUBLINGS));
    if (least > LINEAR) least = Math.min(least, ratioOf(half, whole, runs));
  }
  return least;
}

/** Of the medians of alternating rounds, or of the shortest ones: what others do to the caches, and a collection, only add. */
function ratioOf(part: () => void, whole: () => void, runs: number): number {
  const parts: number[] = [];
  const wholes: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    parts.push(timeOf(part, runs));
    wholes.push(timeOf(whole, runs));
  }
  return Math.min(median(wholes) / median(parts), Math.min(...wholes) / Math.min(...parts));
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
