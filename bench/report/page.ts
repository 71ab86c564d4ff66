/** Writes what was measured into docs/performance.md, between its markers; everything else on the page is written by hand. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Section, Table, Target } from '../section.ts';
import { chart } from './svg.ts';

const PAGE = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const CHARTS = fileURLToPath(new URL('../../docs/performance/', import.meta.url));

export interface Report {
  /** Date, machine, versions, the length of the flush's slice: one line beside every section. */
  readonly conditions: string;
  readonly section: Section;
}

export type Reports = Readonly<Record<string, Report>>;

/** Renders the measured sections. @throws when the page has lost a marker */
export function writePage(reports: Reports): void {
  let page = readFileSync(PAGE, 'utf8');
  page = replaceBetween(page, 'targets', targets(Object.values(reports)));
  for (const [id, report] of Object.entries(reports)) page = replaceBetween(page, id, render(report));
  writeFileSync(PAGE, page);
  if (!existsSync(CHARTS)) mkdirSync(CHARTS);
  for (const { section } of Object.values(reports))
    for (const each of section.charts) writeFileSync(`${CHARTS}${each.name}.svg`, chart(each));
}

function replaceBetween(page: string, id: string, content: string): string {
  const [begin, end] = [`<!-- bench:${id} -->`, `<!-- /bench:${id} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from === -1 || to < from) throw new Error(`expected the markers ${begin} and ${end} in docs/performance.md`);
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

function targetRow({ text, goal, compare, reached }: Target): string[] {
  const isMet = reached !== null && (compare === '>=' ? reached >= goal : reached <= goal);
  const verdict = reached === null ? 'not measured here' : isMet ? 'reached' : '**missed**';
  return [text, `${compare === '>=' ? '≥' : '≤'} ${goal}`, reached === null ? '–' : figure(reached), verdict];
}

function figure(value: number): string {
  if (Number.isInteger(value) || value >= 100) return String(Math.round(value));
  return value.toFixed(value >= 10 ? 1 : 2);
}

function markdown({ columns, rows }: Table): string {
  const cells = [columns, columns.map(() => '---'), ...rows];
  return cells.map((row) => `| ${row.join(' | ')} |`).join('\n');
}
