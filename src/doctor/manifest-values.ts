/**
 * The plain values of manifests, with the way to each. No parser of YAML: what is asked for stands on lines of its own, as every tool
 * writes it; templates with other values are left out.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface ManifestValue {
  readonly file: string;
  /** Which document of the file. */
  readonly document: number;
  /** Like `spec.template.spec.containers.livenessProbe.httpGet.path`: items of lists add nothing. */
  readonly path: string;
  readonly value: string;
}

const MAX_FILES = 500;

/** @throws Error when the folder cannot be read */
export function manifestValues(folder: string): readonly ManifestValue[] {
  return filesOf(folder)
    .slice(0, MAX_FILES)
    .flatMap((file) => valuesIn(file.slice(folder.length).replace(/^\//, ''), readFileSync(file, 'utf8')));
}

/** How many nodes the manifests ask for: replicas of a StatefulSet, or of the values of the chart; `null` when none says it. */
export function replicasIn(folder: string): number | null {
  const values = manifestValues(folder);
  const isSet = ({ file, document }: ManifestValue): boolean =>
    values.some(
      (it) => it.file === file && it.document === document && it.path === 'kind' && it.value === 'StatefulSet',
    );
  const counts = values
    .filter(
      (it) =>
        (it.path === 'spec.replicas' && isSet(it)) || (it.path === 'replicaCount' && /values\.ya?ml$/.test(it.file)),
    )
    .map(({ value }) => Number(value))
    .filter((count) => Number.isInteger(count) && count > 0);
  return counts.length === 0 ? null : Math.max(...counts);
}

function filesOf(folder: string): readonly string[] {
  if (statSync(folder).isFile()) return [folder];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name))
    .toSorted()
    .map((name) => join(folder, name));
}

function valuesIn(file: string, text: string): readonly ManifestValue[] {
  return text.split(/^---.*$/m).flatMap((part, document) => {
    const stack: { readonly indent: number; readonly key: string }[] = [];
    return part.split('\n').flatMap((line): readonly ManifestValue[] => {
      const [, spaces = '', key, rest = ''] = /^([\s-]*)([\w./][\w./-]*):(?:\s+(.*))?$/.exec(line) ?? [];
      if (key === undefined || line.trimStart().startsWith('#')) return [];
      while ((stack.at(-1)?.indent ?? -1) >= spaces.length) stack.pop();
      const path = [...stack.map((it) => it.key), key].join('.');
      stack.push({ indent: spaces.length, key });
      const value = unquoted(withoutComment(rest).trim());
      return value === '' || value.includes('{{') ? [] : [{ file, document, path, value }];
    });
  });
}

/** A comment begins at a # behind a space. */
function withoutComment(text: string): string {
  for (let at = text.indexOf('#'); at !== -1; at = text.indexOf('#', at + 1))
    if (at > 0 && text[at - 1]?.trim() === '') return text.slice(0, at);
  return text;
}

function unquoted(text: string): string {
  const quote = text[0];
  const isQuoted = text.length > 1 && (quote === '"' || quote === "'") && text.endsWith(quote);
  return isQuoted ? text.slice(1, -1) : text;
}
