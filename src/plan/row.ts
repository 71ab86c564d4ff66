/** A quantity of a plan: its name, its formula as text, and what is added to be safe. */
import type { Unit } from './units.ts';

export interface Row {
  readonly name: string;
  readonly unit: Unit;
  readonly says: string;
  readonly formula: string;
  /** What stands between this figure and its limit; empty where the figure is only a step to another. */
  readonly margin: string;
}

export interface Part {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** Something that ends when the work grows: at which number of what. */
export interface Limit {
  readonly name: string;
  readonly says: string;
  readonly unit: Unit;
  /** Which number of the target grows. */
  readonly grows: 'connections' | 'publish_rate' | 'fan_out';
  readonly formula: string;
  readonly cure: string;
}
