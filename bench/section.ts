/** What a workload hands to the report: figures for the file, tables, charts and the targets of the issue. */

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly isOurs: boolean;
}

export interface BarChart {
  readonly kind: 'bars';
  readonly name: string;
  readonly title: string;
  readonly bars: readonly Bar[];
}

export interface LineChart {
  readonly kind: 'line';
  readonly name: string;
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  readonly isLogX: boolean;
}

export interface Target {
  readonly text: string;
  readonly goal: number;
  readonly compare: '>=' | '<=';
  /** `null` when a server that is needed for it is missing here. */
  readonly reached: number | null;
}

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly notes: readonly string[];
  readonly tables: readonly Table[];
  readonly charts: readonly (BarChart | LineChart)[];
  readonly targets: readonly Target[];
  /** Every single measurement. */
  readonly figures: unknown;
}

export interface Plan {
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** A check that everything works: the figures mean nothing. */
  readonly isQuick: boolean;
  /** Servers to be measured, when not all. */
  readonly servers: readonly string[] | null;
  say(text: string): void;
}
