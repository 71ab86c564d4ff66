/** A quantile of what a histogram has counted between two looks at it. */

/**
 * Taken as evenly spread within its bounds, as Prometheus does; beyond the last bound, that bound.
 * @param counts per bound, and beyond the last, of the time that is asked about
 * @returns `NaN` when nothing was counted
 */
export function quantile(bounds: readonly number[], counts: readonly number[], fraction: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return NaN;
  const wanted = total * fraction;
  let before = 0;
  for (const [at, bound] of bounds.entries()) {
    const here = counts[at] ?? 0;
    if (here > 0 && before + here >= wanted) {
      const lower = bounds[at - 1] ?? 0;
      return lower + ((bound - lower) * (wanted - before)) / here;
    }
    before += here;
  }
  return bounds.at(-1) ?? NaN;
}
