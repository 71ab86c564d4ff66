/** The costs that explain measurements best, each measurement a sum of so many of each cost. */

export interface Sample {
  /** How often each cost occurs in it. */
  readonly counts: readonly number[];
  readonly measured: number;
}

/**
 * Least squares of the relative errors, so that small measurements count as much as large ones. A cost that would come out
 * below nothing is nothing, and the others are found without it.
 */
export function leastSquares(samples: readonly Sample[]): number[] {
  const width = samples[0]?.counts.length ?? 0;
  const kept = Array.from({ length: width }, (_, at) => at);
  for (;;) {
    const found = solved(samples, kept);
    const lowest = found.reduce((least, value, at) => (value < (found[least] ?? 0) ? at : least), 0);
    if ((found[lowest] ?? 0) >= 0) {
      const costs = Array.from({ length: width }, () => 0);
      for (const [at, column] of kept.entries()) costs[column] = found[at] ?? 0;
      return costs;
    }
    kept.splice(lowest, 1);
  }
}

/** By the normal equations. @throws Error when the measurements do not tell the costs apart */
function solved(samples: readonly Sample[], columns: readonly number[]): number[] {
  const rows = columns.map((one) => [
    ...columns.map((other) => sum(samples, (sample) => weighed(sample, one) * weighed(sample, other))),
    sum(samples, (sample) => weighed(sample, one)),
  ]);
  const size = columns.length;
  for (let at = 0; at < size; at += 1) {
    const pivot = rows
      .slice(at)
      .reduce((best, row, step) => (Math.abs(row[at] ?? 0) > Math.abs(rows[best]?.[at] ?? 0) ? at + step : best), at);
    const [top, chosen] = [rows[at] as number[], rows[pivot] as number[]];
    rows[at] = chosen;
    rows[pivot] = top;
    const head = chosen[at] ?? 0;
    if (Math.abs(head) < 1e-12) throw new Error('expected measurements that tell the costs apart');
    for (const [index, row] of rows.entries()) {
      if (index === at) continue;
      const factor = (row[at] ?? 0) / head;
      for (let column = at; column <= size; column += 1)
        row[column] = (row[column] ?? 0) - factor * (chosen[column] ?? 0);
    }
  }
  return rows.map((row, at) => (row[size] ?? 0) / (row[at] ?? 1));
}

/** Relative to what was measured, so that the sum to be reached is 1 for every sample. */
function weighed({ counts, measured }: Sample, column: number): number {
  return (counts[column] ?? 0) / measured;
}

function sum(samples: readonly Sample[], of: (sample: Sample) => number): number {
  return samples.reduce((total, sample) => total + of(sample), 0);
}
