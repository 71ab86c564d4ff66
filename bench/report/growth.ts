/** The tables of docs/scaling.md, from the newest results of bench/growth. */
import { readFileSync } from 'node:fs';
import { growths, type Curve } from '../growth/curve.ts';
import { KNEES } from '../growth/knees.ts';
import { short } from '../statistics.ts';
import { markdown, replaceBetween } from './page.ts';
import { readResults } from './results.ts';

export interface GrowthReport {
  readonly conditions: string;
  readonly curves: readonly Curve[];
}

const RESULTS = new URL('../results/growth/', import.meta.url);
const PAGE = new URL('../../docs/scaling.md', import.meta.url);

/** Each curve as it was taken last. */
export function newestCurves(directory = RESULTS): readonly Curve[] {
  const reports = readResults(directory, 'bench/growth/run.ts') as readonly GrowthReport[];
  return [...new Map(reports.flatMap(({ curves }) => curves).map((curve) => [curve.id, curve])).values()];
}

/** docs/scaling.md, which is written by hand, with its tables brought up to date. @throws when it has lost a marker */
export function scalingPage(directory = RESULTS): string {
  const reports = readResults(directory, 'bench/growth/run.ts') as readonly GrowthReport[];
  const newest = (reports.at(-1) as GrowthReport).conditions;
  let page = replaceBetween(readFileSync(PAGE, 'utf8'), 'growth-conditions', newest);
  for (const { conditions, curves } of reports)
    for (const curve of curves) {
      // A curve that was not taken with the newest ones says when it was.
      const parts = [conditions === newest ? '' : conditions, table(curve), knees(curve)];
      page = replaceBetween(page, `growth-${curve.id}`, parts.filter((part) => part !== '').join('\n\n'));
    }
  return page;
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

/** Where a row is steeper than linear, and why. */
function knees(curve: Curve): string {
  return growths(curve)
    .filter(({ isSteep }) => isSteep)
    .map(({ figure, from, to }) => {
      const where = `*${figure}* rises from ${from.toLocaleString('en')} to ${to.toLocaleString('en')}`;
      return `- ${where}: ${KNEES[curve.id]?.[figure] ?? '**not explained yet.**'}`;
    })
    .join('\n');
}

/** Results are kept as JSON, which has no `NaN`. */
function cell(value: number | null | undefined): string {
  return value === undefined || value === null ? '–' : short(value);
}
