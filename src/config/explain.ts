/** What the schema library says of a value, in our own three parts. */
import { KEYS, type Key } from './keys.ts';
import type { Problem } from './problem.ts';
import { PREFIX } from './schema.ts';
import { isTree, type Tree } from './tree.ts';

/** A complaint of the schema library. */
export interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
}

/**
 * The schema library's complaints in our three parts. Values of secrets are not shown.
 * @param keyDepth parts of a key's path
 */
export function explain(issue: Issue, tree: Tree, keys: readonly Key[] = KEYS, keyDepth = 2): Problem[] {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return (issue.keys ?? []).map((name) => {
      const full = path === '' ? name : `${path}.${name}`;
      return { key: full, expected: `a known key${suggest(full, keys)}`, got: 'an unknown one' };
    });
  }
  const value = issue.path.reduce<unknown>(
    (at, name) => (isTree(at) || Array.isArray(at) ? (at as Tree)[name as string] : undefined),
    tree,
  );
  const keyPath = issue.path.slice(0, keyDepth).map(String).join('.');
  const key = keys.find((it) => it.path === keyPath);
  // What a schema checks by itself it says in its own words.
  const isInWords = issue.code === 'custom' || (issue.code === 'invalid_format' && key?.kind === 'text');
  const expected =
    key === undefined || issue.path.length > keyDepth || isInWords
      ? issue.message
      : `a ${key.kind}${key.bounds === '' ? '' : ` (${key.bounds})`}`;
  if (key?.isSecret === true) return [{ key: path, expected, got: '(a secret)' }];
  // Text that is no URL cannot be redacted like one, and may hold a password all the same.
  if (key?.urlPaths !== undefined) return [{ key: path, expected, got: 'something else' }];
  return [{ key: path, expected, got: JSON.stringify(value) ?? 'nothing' }];
}

/** The most similar key, when one is near enough to be a slip. */
export function suggest(name: string, keys: readonly Key[] = KEYS): string {
  const wanted = name.replace(PREFIX, '').toLowerCase().replaceAll('_', '').replaceAll('.', '');
  const near = keys
    .map(({ path }) => ({ path, distance: distance(wanted, path.replaceAll(/[_.]/g, '')) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near !== undefined && near.distance <= 3 ? ` (did you mean ${near.path}?)` : '';
}

/** Levenshtein. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next.push(
        Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)),
      );
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
