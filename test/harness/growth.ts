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
 * @param platform V8's own part of the work, where it has one. Its arrays of more than 128 KiB are mapped anew for each text, so
 * at the largest size it may take several times what a doubling is. What it takes beyond that is not counted; all else is.
 * @returns the time for `size` in times of that for half of it
 */
export function growthOf(prepare: Prepare, size: number, platform: Prepare | null = null): number {
  const sizes = [Math.floor(size / 2 ** DOUBLINGS), size >> 1, size];
  const [part, half, whole] = sizes.map((each) => sampleOf(prepare, platform, each)) as [Sample, Sample, Sample];
  const runs = Math.min(MAX_RUNS, Math.max(1, Math.ceil(SAMPLE_MS / Math.max(timeOf(part.work, 3) / 3, 1e-6))));
  let least = Infinity;
  for (let at = 0; at < (least > HOPELESS ? 2 : TRIES) && least > LINEAR; at += 1) {
    least = Math.min(least, ratioOf(part, whole, { runs, times: 2 ** DOUBLINGS }) ** (1 / DOUBLINGS));
    if (least > LINEAR) least = Math.min(least, ratioOf(half, whole, { runs, times: 2 }));
  }
  return least;
}

interface Sample {
  readonly work: () => void;
  readonly platform: (() => void) | null;
}

/** Compiled, and with the memory that it needs. */
function sampleOf(prepare: Prepare, platform: Prepare | null, size: number): Sample {
  const sample = { work: prepare(size), platform: platform?.(size) ?? null };
  timeOf(sample.work, WARM_UP);
  if (sample.platform !== null) timeOf(sample.platform, WARM_UP);
  return sample;
}

/**
 * Of the medians of alternating rounds, or of the shortest ones: what others do to the caches, and a collection, only add.
 * @param times the size of the whole in parts
 */
function ratioOf(
  part: Sample,
  whole: Sample,
  { runs, times }: { readonly runs: number; readonly times: number },
): number {
  const [parts, wholes, platformParts, platformWholes] = [[], [], [], []] as [number[], number[], number[], number[]];
  for (let round = 0; round < ROUNDS; round += 1) {
    parts.push(timeOf(part.work, runs));
    wholes.push(timeOf(whole.work, runs));
    if (part.platform !== null) platformParts.push(timeOf(part.platform, runs));
    if (whole.platform !== null) platformWholes.push(timeOf(whole.platform, runs));
  }
  // The least that it can be, so that noise of the platform excuses nothing.
  const excess = platformParts.length === 0 ? 0 : Math.min(...platformWholes) - times * median(platformParts);
  // Work that took less than that has not met it.
  const counted = (ms: number): number => (ms > excess ? ms - Math.max(0, excess) : ms);
  return Math.min(counted(median(wholes)) / median(parts), counted(Math.min(...wholes)) / Math.min(...parts));
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
