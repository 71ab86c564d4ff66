/** The files of results in a directory, as they were written: their names begin with the date. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** @returns what each file holds, the oldest first. @throws when there is none */
export function readResults(directory: URL, writer: string): readonly unknown[] {
  const names = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.json')) : [];
  if (names.length === 0) throw new Error(`expected a file of results in ${directory.pathname}: ${writer} writes one`);
  return names.toSorted().map((name) => JSON.parse(readFileSync(new URL(name, directory), 'utf8')) as unknown);
}
