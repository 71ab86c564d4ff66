/** What was measured as pages: docs/benchmarks.md with every figure, and the parts of docs/performance.md between its markers. */
import { readFileSync } from 'node:fs';
import type { Section, Table, Target } from '../section.ts';
import { readResults } from './results.ts';
import { coresTable, reachedTable } from './summary.ts';
import { chart } from './svg.ts';

const RESULTS = new URL('../results/', import.meta.url);
const METHOD = new URL('method.md', import.meta.url);
const SUMMARY = new URL('../../docs/performance.md', import.meta.url);
const NOTE =
  '<!-- generated from the newest figures of bench/results by `make docs`; the text is in bench/report/method.md -->';

/** In the order of the page. */
export const WORKLOADS = ['w1', 'w1u', 'w2', 'w3', 'w4', 'w5', 'w6', 'w7', 'linearity'] as const;

export interface Report {
  /** Date, machine, versions, the length of the flush's slice: one line beside every section. */
  readonly conditions: string;
  readonly section: Section;
}

export type Reports = Readonly<Record<string, Report>>;

/** What was measured last of each workload: `make bench` of one of them alone leaves the others as they were measured before. */
export function newestReports(directory = RESULTS): Reports {
  const files = readResults(directory, 'make bench') as readonly { readonly reports: Reports }[];
  const newest = Object.assign({}, ...files.map(({ reports }) => reports)) as Reports;
  return Object.fromEntries(
    WORKLOADS.flatMap((id) => {
      const report = newest[id];
      return report === undefined ? [] : [[id, report] as const];
    }),
  );
}

/** docs/benchmarks.md. */
export function benchmarksPage(reports: Reports): string {
  const all = Object.values(reports);
  const parts = [
    '# Benchmarks',
    NOTE,
    readFileSync(METHOD, 'utf8').trim(),
    '## Targets',
    targets(all),
    '## Figures',
    ...all.map(render),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** docs/performance.md, which is written by hand, with its tables brought up to date. @throws when it has lost a marker */
export function performancePage(reports: Reports): string {
  const page = readFileSync(SUMMARY, 'utf8');
  const missed = Object.values(reports).flatMap(({ section }) => section.targets.filter((target) => !isMet(target)));
  const withReached = replaceBetween(page, 'reached', markdown(reachedTable(reports)));
  const withCores = replaceBetween(withReached, 'cores', markdown(coresTable(reports)));
  return replaceBetween(
    withCores,
    'missed',
    missed
      .map(
        ({ text, goal, compare, reached }) =>
          `- ${text}: ${reached === null ? 'not measured here' : figure(reached)}, goal ${sign(compare)} ${goal}`,
      )
      .join('\n'),
  );
}

/** The charts, by their path from the root. */
export function charts(reports: Reports): Record<string, () => string> {
  const all = Object.values(reports).flatMap(({ section }) => section.charts);
  return Object.fromEntries(all.map((each) => [`docs/performance/${each.name}.svg`, () => chart(each)]));
}

/** @throws when the page has lost a marker */
export function replaceBetween(page: string, id: string, content: string): string {
  const [begin, end] = [`<!-- bench:${id} -->`, `<!-- /bench:${id} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from === -1 || to < from) throw new Error(`expected the markers ${begin} and ${end} in the page`);
  return `${page.slice(0, from + begin.length)}\n\n${content}\n\n${page.slice(to)}`;
}

function render({ conditions, section }: Report): string {
  return [
    `### ${section.title}`,
    conditions,
    ...section.notes,
    ...section.tables.map(markdown),
    ...section.charts.map(({ name, title }) => `![${title}](performance/${name}.svg)`),
  ].join('\n\n');
}

function targets(reports: readonly Report[]): string {
  const rows = reports.flatMap(({ section }) => section.targets.map(targetRow));
  return markdown({ columns: ['target', 'goal', 'reached', ''], rows });
}

function targetRow(target: Target): string[] {
  const { text, goal, compare, reached } = target;
  const verdict = reached === null ? 'not measured here' : isMet(target) ? 'reached' : '**missed**';
  return [text, `${sign(compare)} ${goal}`, reached === null ? '–' : figure(reached), verdict];
}

function isMet({ goal, compare, reached }: Target): boolean {
  return reached !== null && (compare === '>=' ? reached >= goal : reached <= goal);
}

function sign(compare: Target['compare']): string {
  return compare === '>=' ? '≥' : '≤';
}

function figure(value: number): string {
  if (Number.isInteger(value) || value >= 100) return String(Math.round(value));
  return value.toFixed(value >= 10 ? 1 : 2);
}

export function markdown({ columns, rows }: Table): string {
  const cells = [columns, columns.map(() => '---'), ...rows];
  return cells.map((row) => `| ${row.join(' | ')} |`).join('\n');
}
