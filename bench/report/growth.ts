/** The tables of docs/scaling.md, from the newest results of bench/growth. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { growths, type Curve } from '../growth/curve.ts';
import { short } from '../statistics.ts';
import { markdown, replaceBetween } from './page.ts';

export interface GrowthReport {
  readonly conditions: string;
  readonly curves: readonly Curve[];
}

const RESULTS = new URL('../results/growth/', import.meta.url);
const PAGE = new URL('../../docs/scaling.md', import.meta.url);

/** docs/scaling.md, which is written by hand, with its tables brought up to date. @throws when it has lost a marker */
export function scalingPage(): string {
  const { conditions, curves } = newest();
  const page = readFileSync(PAGE, 'utf8');
  const withConditions = replaceBetween(page, 'growth-conditions', conditions);
  return curves.reduce((text, curve) => replaceBetween(text, `growth-${curve.id}`, table(curve)), withConditions);
}

function newest(): GrowthReport {
  const name = existsSync(RESULTS)
    ? readdirSync(RESULTS)
        .filter((each) => each.endsWith('.json'))
        .toSorted()
        .at(-1)
    : undefined;
  if (name === undefined) throw new Error('expected a file in bench/results/growth: bench/growth/run.ts writes one');
  return JSON.parse(readFileSync(new URL(name, RESULTS), 'utf8')) as GrowthReport;
}

function table(curve: Curve): string {
  const found = growths(curve);
  const rows = Object.keys(curve.kinds).map((figure) => {
    const growth = found.find((each) => each.figure === figure);
    return [
      figure,
      ...curve.points.map(({ figures }) => cell(figures[figure])),
      growth === undefined ? '–' : `${growth.exponent.toFixed(2)}${growth.isSteep ? ' (**steeper than linear**)' : ''}`,
    ];
  });
  const columns = [curve.of, ...curve.points.map(({ x }) => x.toLocaleString('en')), 'power, at most'];
  return markdown({ columns, rows });
}

/** Results are kept as JSON, which has no `NaN`. */
function cell(value: number | null | undefined): string {
  return value === undefined || value === null ? '–' : short(value);
}
