/** The section of an application, `[apps.NAME]`: read like the server's own, against the application's schema. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { AppTexts } from '../config/app-sections.ts';
import { convert } from '../config/convert.ts';
import { explain } from '../config/explain.ts';
import { describeKey, type Key } from '../config/keys.ts';
import type { Problem } from '../config/problem.ts';
import { secretProblem, secretText } from '../config/secrets.ts';
import type { Tree } from '../config/tree.ts';
import { variablePrefix } from './find.ts';
import type { FoundApp, LoadedApp } from './loaded.ts';

export interface SectionSources {
  /** From files and programs, by application. */
  readonly sections: Readonly<Record<string, Readonly<Tree>>>;
  readonly texts: AppTexts;
  /** Where each key's value comes from; what is read here is added. */
  readonly origins: Map<string, string>;
}

/** What an application without a schema takes: nothing. */
const NO_KEYS = z.strictObject({});

/** @param used variables and flags that were read: those left over are nobody's */
export function readSection(
  found: FoundApp,
  { sections, texts, origins }: SectionSources,
  used: Set<string>,
  problems: Problem[],
): LoadedApp | null {
  const { app } = found;
  const path = `apps.${app.name}`;
  const schema: unknown = app.settings?.(z) ?? NO_KEYS;
  if (!(schema instanceof z.ZodObject)) {
    problems.push({ key: path, expected: 'settings that are a z.strictObject', got: 'another schema' });
    return null;
  }
  const keys = Object.entries(schema.shape).map(([name, type]) => describeKey(`${path}.${name}`, type as z.ZodType));
  const section: Tree = { ...sections[app.name] };
  const before = problems.length;
  for (const key of keys) readTexts(key, section, texts, { origins, used, problems });
  const parsed = schema.safeParse(section);
  if (parsed.error !== undefined) {
    const tree = { apps: { [app.name]: section } };
    const issues = parsed.error.issues.map((issue) => ({ ...issue, path: ['apps', app.name, ...issue.path] }));
    problems.push(...issues.flatMap((issue) => explain(issue, tree, keys, 3)));
  } else problems.push(...keys.flatMap((key) => secretProblems(key, section)));
  return problems.length > before ? null : { ...found, settings: parsed.data, keys, section };
}

/** Variables that begin like those of the application and are no key of it. */
export function strayVariables(apps: readonly FoundApp[], texts: AppTexts, used: ReadonlySet<string>): Problem[] {
  return [...texts.variables.keys()]
    .filter((name) => !used.has(name))
    .map((name) => {
      const owner = apps.find(({ app }) => name.startsWith(variablePrefix(app.name)));
      const expected =
        owner === undefined ? 'a key of an application that runs' : `a key of the application ${owner.app.name}`;
      return { key: name, expected, got: 'an unknown environment variable' };
    });
}

interface Reading {
  readonly origins: Map<string, string>;
  readonly used: Set<string>;
  readonly problems: Problem[];
}

function readTexts(key: Key, section: Tree, texts: AppTexts, reading: Reading): void {
  const { used, problems } = reading;
  const [variable = ''] = key.variables;
  const text = texts.variables.get(variable);
  if (text !== undefined) put(key, section, text, variable, reading);
  const file = key.isSecret ? texts.variables.get(`${variable}_FILE`) : undefined;
  if (file !== undefined)
    try {
      put(key, section, secretText(readFileSync(file)), `${variable}_FILE`, reading);
    } catch (error) {
      const got = (error as NodeJS.ErrnoException).code ?? String(error);
      used.add(`${variable}_FILE`);
      problems.push({ key: key.path, expected: `a readable file named by ${variable}_FILE`, got });
    }
  const flag = texts.flags.get(key.path);
  if (flag !== undefined) put(key, section, flag, 'command line', reading);
}

function put(key: Key, section: Tree, text: string, origin: string, { origins, used, problems }: Reading): void {
  used.add(origin === 'command line' ? key.path : origin);
  const value = convert(key, text);
  if (value === undefined) {
    const got = key.isSecret ? '(a secret)' : JSON.stringify(text);
    problems.push({ key: key.path, expected: `a ${key.kind} in ${origin}`, got });
    return;
  }
  section[key.path.split('.').at(-1) ?? ''] = value;
  origins.set(key.path, origin);
}

function secretProblems(key: Key, section: Tree): Problem[] {
  const value = key.isSecret ? section[key.path.split('.').at(-1) ?? ''] : undefined;
  const problem = typeof value === 'string' ? secretProblem(key, value) : null;
  return problem === null ? [] : [{ key: key.path, ...problem }];
}
