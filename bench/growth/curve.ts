/** What a cost does while the work grows: points, and whether anything is steeper than linear. */

/** `each`: of one of many, should stay; `total`: of all together, may grow as they do. */
export type Kind = 'each' | 'total';

export interface Point {
  readonly x: number;
  readonly figures: Readonly<Record<string, number>>;
}

export interface Curve {
  readonly id: string;
  readonly title: string;
  /** What x counts. */
  readonly of: string;
  readonly kinds: Readonly<Record<string, Kind>>;
  readonly points: readonly Point[];
}

/** What is measured, and how. */
export interface Measurement extends Omit<Curve, 'points'> {
  readonly run: (budget: Budget) => Promise<void>;
}

export interface Budget {
  readonly isSpent: () => boolean;
  /** The points to be taken. */
  readonly upTo: (counts: readonly number[]) => readonly number[];
  /** A point is complete. */
  readonly take: (point: Point) => void;
}

export interface Growth {
  readonly figure: string;
  /** By how much the whole cost grows when x grows: 1 is linear, 0 is none. Of the steepest step. */
  readonly exponent: number;
  readonly from: number;
  readonly to: number;
  readonly isSteep: boolean;
}

/** The cost of one of many may rise from one point to the next: two measurements of the same differ too. */
const STEEP = 1.33;

export function growths({ kinds, points }: Curve): Growth[] {
  return Object.entries(kinds).flatMap(([figure, kind]) => {
    const steps = points.slice(1).flatMap((point, at) => {
      const before = points[at] as Point;
      const [low, high] = [before.figures[figure] ?? Number.NaN, point.figures[figure] ?? Number.NaN];
      if (!(low > 0) || !(high > 0)) return [];
      const growth = Math.log(high / low) / Math.log(point.x / before.x);
      const exponent = kind === 'each' ? growth + 1 : growth;
      return [{ from: before.x, to: point.x, exponent, isSteep: (point.x / before.x) ** (exponent - 1) > STEEP }];
    });
    const steepest = steps.toSorted((a, b) => b.exponent - a.exponent)[0];
    return steepest === undefined ? [] : [{ figure, ...steepest }];
  });
}
