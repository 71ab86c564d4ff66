/** One chart of uPlot (vendor/), with its figures as a table for those who do not see it. */
import type UPlot from 'uplot';
import { h } from './dom.ts';
import { Table } from './table.ts';
import { clockTime } from './text.ts';

/** Loaded when the first chart is looked at: it is a third of the console. */
const LIBRARY = './uplot.js';
const HEIGHT = 170;
const COLOURS = ['--one', '--two', '--three'];

export interface Line {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

export interface ChartOptions {
  readonly title: string;
  readonly format: (value: number) => string;
}

interface Summary {
  readonly label: string;
  readonly values: readonly number[];
}

export class Chart {
  readonly element: HTMLElement;
  readonly #options: ChartOptions;
  readonly #place = h('div', { class: 'plot', 'aria-hidden': 'true' });
  readonly #table: Table<Summary>;
  #plot: UPlot | null = null;
  #data: UPlot.AlignedData = [[]];
  #labels: readonly string[] = [];

  constructor(options: ChartOptions, closed: AbortSignal) {
    this.#options = options;
    this.#table = summaryTable(options);
    const details = h('details', {}, h('summary', {}, `${options.title} as a table`), this.#table.element);
    this.element = h('figure', {}, h('figcaption', {}, options.title), this.#place, details);
    const observer = new ResizeObserver(() => this.#plot?.setSize({ width: this.#place.clientWidth, height: HEIGHT }));
    observer.observe(this.#place);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    // A canvas has no style sheet: it is drawn anew in the other colours.
    dark.addEventListener('change', () => void this.#make(), { signal: closed });
    closed.addEventListener('abort', () => {
      observer.disconnect();
      this.#plot?.destroy();
    });
  }

  /** @param at seconds since 1970 */
  async show(at: readonly number[], lines: readonly Line[]): Promise<void> {
    this.#table.show(
      lines.map(({ label, values }) => ({ label, values: values.filter((value): value is number => value !== null) })),
    );
    this.#data = [[...at], ...lines.map(({ values }) => [...values])];
    const labels = lines.map(({ label }) => label);
    if (this.#plot === null || labels.join() !== this.#labels.join()) {
      this.#labels = labels;
      await this.#make();
    } else this.#plot.setData(this.#data);
  }

  async #make(): Promise<void> {
    const { uPlot } = (await import(LIBRARY)) as { readonly uPlot: typeof UPlot };
    this.#plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(name);
    const axis = {
      stroke: colour('--soft'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { stroke: colour('--line') },
    };
    const { format } = this.#options;
    this.#plot = new uPlot(
      {
        width: Math.max(200, this.#place.clientWidth),
        height: HEIGHT,
        series: [
          { label: 'At', value: (_: UPlot, at: number | null) => (at === null ? '' : clock(at)) },
          ...this.#labels.map((label, index) => ({
            label,
            stroke: colour(COLOURS[index] ?? '--one'),
            width: 2,
            // Beside the colour, for eyes that do not tell the colours apart.
            dash: [[], [7, 4], [2, 3]][index] ?? [],
            value: (_: UPlot, value: number | null) => (value === null ? '' : format(value)),
          })),
        ],
        axes: [
          { ...axis, space: 60, values: (_: UPlot, splits: number[]) => splits.map(clock) },
          { ...axis, size: 70, values: (_: UPlot, splits: number[]) => splits.map((value) => format(value)) },
        ],
        scales: { y: { range: (_: UPlot, __: number, most: number) => [0, most > 0 ? most * 1.1 : 1] } },
        cursor: { drag: { x: false, y: false } },
      },
      this.#data,
      this.#place,
    );
  }
}

/** As everywhere in the console: in UTC, as logs have it. */
function clock(secs: number): string {
  return clockTime(secs * 1_000).slice(0, 8);
}

function summaryTable({ title, format }: ChartOptions): Table<Summary> {
  const cell = (name: string, of: (values: readonly number[]) => number | undefined) => ({
    title: name,
    text: ({ values }: Summary) => {
      const value = of(values);
      return value === undefined || !Number.isFinite(value) ? 'nothing measured' : format(value);
    },
    isNumber: true,
  });
  return new Table<Summary>({
    caption: `${title}, the last fifteen minutes`,
    keyOf: ({ label }) => label,
    none: 'Nothing was measured yet.',
    columns: [
      { title: 'Figure', text: ({ label }) => label },
      cell('Now', (values) => values.at(-1)),
      cell('Lowest', (values) => Math.min(...values)),
      cell('Highest', (values) => Math.max(...values)),
    ],
  });
}
