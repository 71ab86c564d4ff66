/** The last fifteen minutes of some figures, in a ring that never grows. */

export const EVERY_SECS = 5;
const SAMPLES = (15 * 60) / EVERY_SECS;

export interface FiguresSince {
  /** Ms since 1970, ascending. */
  readonly at: readonly number[];
  /** By name; as many values as there are times, `null` where there was nothing to measure. */
  readonly values: Readonly<Record<string, readonly (number | null)[]>>;
}

export class RecentFigures {
  private readonly names: readonly string[];
  /** Times, then one row of the ring for each name. */
  private readonly times = new Float64Array(SAMPLES);
  private readonly rows: readonly Float64Array[];
  private taken = 0;

  constructor(names: readonly string[]) {
    this.names = names;
    this.rows = names.map(() => new Float64Array(SAMPLES));
  }

  /** @param values in the order of the names; `NaN` where there was nothing to measure */
  add(at: number, values: readonly number[]): void {
    const place = this.taken % SAMPLES;
    this.times[place] = at;
    for (const [index, row] of this.rows.entries()) row[place] = values[index] ?? NaN;
    this.taken += 1;
  }

  /** Those after a time. */
  since(at: number): FiguresSince {
    const first = Math.max(0, this.taken - SAMPLES);
    const places: number[] = [];
    for (let sample = first; sample < this.taken; sample += 1) {
      const place = sample % SAMPLES;
      if ((this.times[place] ?? 0) > at) places.push(place);
    }
    const valuesOf = (row: Float64Array): (number | null)[] => places.map((place) => rounded(row[place] ?? NaN));
    return {
      at: places.map((place) => this.times[place] ?? 0),
      values: Object.fromEntries(this.names.map((name, index) => [name, valuesOf(this.rows[index] ?? this.times)])),
    };
  }
}

/** Three digits after the point are more than was measured. */
function rounded(value: number): number | null {
  return Number.isNaN(value) ? null : Math.round(value * 1_000) / 1_000;
}
