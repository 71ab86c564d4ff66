/** Titles of tests and the rows of capabilities that they name, read from sources: what is skipped or yet to be written has none. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';

export interface Title {
  readonly file: string;
  readonly text: string;
}

/** `test('…'`, `describe.skipIf(…)('…'`, `test.each([…])('…'`: the call, then its first argument when that is a text. */
const CALL =
  /(?:\b(?:test|it|describe|suite)((?:\.\w+)*)|\))\(\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g;
const ROW = /\b[A-Z]-\d\d\b/g;
const NEVER_RUN = /\.(?:skip|todo)\b/;

/** Titles in one source. */
export function titlesIn(file: string, source: string): Title[] {
  return [...source.matchAll(CALL)].flatMap(([, how = '', single, double, back]) =>
    NEVER_RUN.test(how) ? [] : [{ file, text: single ?? double ?? back ?? '' }],
  );
}

/** Files by row: of every test and every suite of tests below these folders. */
export function filesByRow(root: string, folders: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const titles = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name).replaceAll(sep, '/'))
      .flatMap((file) => titlesIn(file, readFileSync(join(root, file), 'utf8'))),
  );
  const found = new Map<string, Set<string>>();
  for (const { file, text } of titles)
    for (const [row] of text.matchAll(ROW)) found.set(row, (found.get(row) ?? new Set()).add(file));
  return new Map([...found].map(([row, files]) => [row, [...files].toSorted()]));
}
