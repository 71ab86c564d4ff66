/**
 * Every row of the capabilities that are in scope is named by the title of a test (test/kit/rows.json: a word for each, and which
 * are out of scope). A group that is added there is held to the same.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { filesByRow, titlesIn } from './kit/titles.ts';

interface Row {
  readonly word: string;
  /** Out of scope: nobody has to prove it. */
  readonly out?: true;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ROWS = JSON.parse(readFileSync(new URL('kit/rows.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, Row>
>;

const groupOf = (row: string): string => row.slice(0, 1);

/** What the rows and the titles lack of each other. */
function complaints(rows: Readonly<Record<string, Row>>, titled: ReadonlyMap<string, unknown>): string[] {
  const groups = new Set(Object.keys(rows).map(groupOf));
  return [
    ...Object.entries(rows).flatMap(([row, { word, out = false }]) =>
      out || titled.has(row) ? [] : [`${row} (${word}): expected a test whose title names it, found none`],
    ),
    ...[...titled.keys()].flatMap((row) =>
      !groups.has(groupOf(row)) || Object.hasOwn(rows, row) ? [] : [`${row}: expected a row of test/kit/rows.json`],
    ),
  ];
}

test('every row that is in scope has a test that names it, and every row of these groups that is named is one', () => {
  expect(complaints(ROWS, filesByRow(ROOT, ['src', 'test']))).toEqual([]);
});

test('the rows of a group are numbered without a hole', () => {
  for (const group of new Set(Object.keys(ROWS).map(groupOf))) {
    const numbers = Object.keys(ROWS).filter((row) => groupOf(row) === group);
    expect(numbers).toEqual(numbers.map((_, at) => `${group}-${String(at + 1).padStart(2, '0')}`));
  }
});

describe('the gate itself', () => {
  test('finds a row without a test, and a test of no row', () => {
    const rows: Record<string, Row> = {
      'X-01': { word: 'one' },
      'X-02': { word: 'two' },
      'X-03': { word: 'three', out: true },
    };
    expect(
      complaints(
        rows,
        new Map([
          ['X-01', []],
          ['X-04', []],
          ['Y-09', []],
        ]),
      ),
    ).toEqual([
      'X-02 (two): expected a test whose title names it, found none',
      'X-04: expected a row of test/kit/rows.json',
    ]);
  });

  test('reads titles of all forms, and none of what is never run', () => {
    const source = [
      `test('one', () => {});`,
      `  test(\n    "it's two",\n    async () => {});`,
      'describe.skipIf(isMissing)(`three ${x}`, () => {});',
      `test.each([['a', 1]])('four %s', () => {});`,
      `test.skip('five', () => {});`,
      `it.todo('six');`,
      `// a comment on seven`,
    ].join('\n');
    expect(titlesIn('file', source).map(({ text }) => text)).toEqual(['one', "it's two", 'three ${x}', 'four %s']);
  });
});
