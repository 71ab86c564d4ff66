/** Symptoms of the guides (docs/troubleshooting.md): each has a command, and a test that makes the fault and reads its name. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CHECKS } from '../src/doctor/checks/all.ts';

const ROOT = new URL('../', import.meta.url);
const PAGE = readFileSync(new URL('docs/troubleshooting.md', ROOT), 'utf8');

interface Row {
  readonly symptom: string;
  readonly command: string;
  readonly says: string;
  readonly file: string;
  readonly name: string;
}

const ROWS: readonly Row[] = [
  ...PAGE.matchAll(
    /^\| (?<symptom>[^|]+\(\d{3}[^|]*\)) \| `(?<command>[^`]+)` \| `(?<says>[^`]+)` \| `(?<file>test\/[\w./-]+)`: “(?<name>[^”]+)” \|$/gm,
  ),
].map(({ groups }) => groups as unknown as Row);

/** The source of one test, with the table before its name and without the backslashes of patterns; '' when it is not there. */
function sourceOf({ file, name }: Row): string {
  const source = readFileSync(new URL(file, ROOT), 'utf8');
  const found = [`'${name.replaceAll("'", String.raw`\'`)}'`, `"${name}"`]
    .map((quoted) => source.indexOf(quoted))
    .find((at) => at >= 0);
  if (found === undefined) return '';
  const starts = [...source.matchAll(/^ *test\b/gm)].map(({ index }) => index);
  const begin = starts.findLast((at) => at < found) ?? 0;
  const end = starts.find((at) => at > found) ?? source.length;
  // Cases may stand before the test, in its group.
  const group = source.lastIndexOf('describe(', begin);
  return source.slice(name.startsWith('%') && group >= 0 ? group : begin, end).replaceAll('\\', '');
}

describe('symptoms of the guides', () => {
  test('every row of the table can be read', () => {
    const begin = PAGE.indexOf('## Symptoms of the guides');
    const section = PAGE.slice(begin, PAGE.indexOf('\n## ', begin));
    expect(ROWS).toHaveLength(section.split('\n').filter((line) => line.startsWith('| ')).length - 2);
    for (const guide of ['000', '001', '002', '003', '004'])
      expect([guide, ROWS.some(({ symptom }) => symptom.includes(guide))]).toEqual([guide, true]);
  });

  test.each(ROWS)('$symptom: $command', (row) => {
    const [, check] = /--only (\S+)/.exec(row.command) ?? [];
    if (check !== undefined) expect(CHECKS.map(({ name }) => name)).toContain(check);
    const source = sourceOf(row);
    for (const part of row.says.split('…')) expect(source).toContain(part.trim());
  });
});
