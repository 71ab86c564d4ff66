/** The sections of applications, `[apps.NAME]`: only their applications know the keys, so here they are kept as they came. */
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { PREFIX } from './schema.ts';
import { isTree, type Tree } from './tree.ts';

/** What variables and flags say of applications: text, until somebody knows what their keys take. */
export interface AppTexts {
  /** Environment variable → text. */
  readonly variables: ReadonlyMap<string, string>;
  /** `apps.name.key` → text. */
  readonly flags: ReadonlyMap<string, string>;
}

export const APPS_PREFIX = `${PREFIX}APPS_`;

export function isAppFlag(path: string): boolean {
  return /^apps\.[^.]+\.[^.]+$/.test(path);
}

/**
 * Takes the tables out of `[apps]` and puts them among the sections of earlier sources, key by key.
 * @param set told of every key that was given
 * @returns the values without those tables
 */
export function takeAppSections(
  values: Readonly<Tree>,
  sections: Record<string, Tree>,
  set: (path: string) => void,
): Readonly<Tree> {
  const { apps } = values;
  if (!isTree(apps)) return values;
  for (const [name, section] of Object.entries(apps)) {
    if (!isTree(section)) continue;
    sections[name] = { ...sections[name], ...section };
    for (const key of Object.keys(section)) set(`apps.${name}.${key}`);
  }
  return { ...values, apps: Object.fromEntries(Object.entries(apps).filter(([, value]) => !isTree(value))) };
}

/** Where a module is: a path from the file that names it (else from the working directory), or a package. */
export function resolveModule(text: string, origin: string | undefined): string {
  const base = origin?.endsWith('.toml') === true ? dirname(resolve(origin)) : process.cwd();
  if (text.startsWith('.') || isAbsolute(text)) return resolve(base, text);
  try {
    return createRequire(join(base, 'package.json')).resolve(text);
  } catch {
    // A package that cannot be found is told when it is imported.
    return text;
  }
}
