/** Puts the configuration together: flags over environment over what a program gives over files over defaults, and every problem at once. */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import { APPS_PREFIX, isAppFlag, resolveModule, takeAppSections, type AppTexts } from './app-sections.ts';
import { checkTogether } from './checks.ts';
import { ConfigError } from './config-error.ts';
import { convert } from './convert.ts';
import { explain, suggest } from './explain.ts';
import { KEYS, KEYS_BY_PATH, KEYS_BY_VARIABLE, type Key } from './keys.ts';
import type { Problem } from './problem.ts';
import { PREFIX, schema, type Config } from './schema.ts';
import { secretProblem, secretText } from './secrets.ts';
import { isServiceLink } from './service-links.ts';
import { isTree, type Tree } from './tree.ts';

export interface Sources {
  /** Files, the later over the earlier. */
  readonly files: readonly string[];
  /** What a program gives, in sections as in a file; over the files. */
  readonly values?: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `section.key` → text, as given on the command line. */
  readonly flags: ReadonlyMap<string, string>;
}

export interface Loaded {
  readonly config: Config;
  /** Where each key's value comes from; keys with their default are missing. */
  readonly origins: ReadonlyMap<string, string>;
  /** Texts for keys of applications, to be read against their schemas (apps/load.ts). */
  readonly appTexts: AppTexts;
}

/** @throws ConfigError with all problems found */
export function loadConfig(sources: Sources): Loaded {
  const problems: Problem[] = [];
  const origins = new Map<string, string>();
  const tree: Tree = {};
  const sections: Record<string, Tree> = {};
  const take = (values: Readonly<Tree>, origin: string): void =>
    merge(
      tree,
      takeAppSections(values, sections, (path) => origins.set(path, origin)),
      origin,
      origins,
    );
  for (const file of sources.files) take(readToml(file, problems), file);
  take(sources.values ?? {}, 'the program');
  const variables = readEnvironment(tree, sources.environment, origins, problems);
  const isOfApps = ([path]: readonly [string, string]): boolean => isAppFlag(path);
  for (const [path, text] of [...sources.flags].filter((flag) => !isOfApps(flag)))
    readFlag(tree, path, text, origins, problems);
  const { apps = {} } = tree;
  if (isTree(apps)) tree['apps'] = { ...apps, sections };
  const parsed = schema.safeParse(tree);
  if (parsed.error !== undefined) problems.push(...parsed.error.issues.flatMap((issue) => explain(issue, tree)));
  else problems.push(...checkTogether(parsed.data), ...checkSecretTexts(parsed.data, origins));
  if (parsed.data === undefined || problems.length > 0) throw new ConfigError(problems);
  const modules = parsed.data.apps.modules.map((text) => resolveModule(text, origins.get('apps.modules')));
  return {
    config: deepFreeze({ ...parsed.data, apps: { ...parsed.data.apps, modules } }),
    origins,
    appTexts: { variables, flags: new Map([...sources.flags].filter(isOfApps)) },
  };
}

/** Each secret is what its owner thinks it is, wherever it came from. */
function checkSecretTexts(config: Config, origins: ReadonlyMap<string, string>): Problem[] {
  const tree = config as unknown as Tree;
  return KEYS.flatMap((key) => {
    const [section = '', name = ''] = key.path.split('.');
    const value = key.isSecret ? (tree[section] as Tree)[name] : undefined;
    const problem = typeof value === 'string' ? secretProblem(key, value) : null;
    if (problem === null) return [];
    const origin = origins.get(key.path);
    return [{ key: key.path, ...problem, got: `${problem.got}${origin === undefined ? '' : ` (from ${origin})`}` }];
  });
}

function readToml(file: string, problems: Problem[]): Tree {
  try {
    const bytes = readFileSync(file);
    if (isUtf8(bytes)) return parse(bytes.toString('utf8'));
    problems.push({ key: file, expected: 'a TOML file in UTF-8', got: 'bytes that are no text' });
    return {};
  } catch (error) {
    const got =
      error instanceof TomlError
        ? `a syntax error in line ${error.line}`
        : ((error as NodeJS.ErrnoException).code ?? String(error));
    problems.push({ key: file, expected: 'a readable TOML file', got });
    return {};
  }
}

function merge(tree: Tree, added: Readonly<Tree>, origin: string, origins: Map<string, string>): void {
  for (const [name, value] of Object.entries(added)) {
    if (!isTree(value)) {
      tree[name] = value;
      if (!isDefault(name, value)) origins.set(name, origin);
      continue;
    }
    const section = isTree(tree[name]) ? tree[name] : {};
    for (const [key, item] of Object.entries(value)) {
      section[key] = item;
      // A file of defaults is no source of its own.
      if (!isDefault(`${name}.${key}`, item)) origins.set(`${name}.${key}`, origin);
    }
    tree[name] = section;
  }
}

function isDefault(path: string, value: unknown): boolean {
  return JSON.stringify(KEYS_BY_PATH.get(path)?.fallback) === JSON.stringify(value);
}

/**
 * `NAME`, and for secrets `NAME_FILE`. Variables with our prefix that are no key are problems: most are misspelt.
 * @returns those that may be keys of applications
 */
function readEnvironment(
  tree: Tree,
  environment: Sources['environment'],
  origins: Map<string, string>,
  problems: Problem[],
): ReadonlyMap<string, string> {
  const ofApps = new Map<string, string>();
  for (const key of KEYS) {
    // The systematic name last, so that it wins over the short one.
    for (const name of key.variables.toReversed()) {
      const text = environment[name];
      if (text !== undefined && !isServiceLink(name, text)) put(tree, key, text, name, origins, problems);
      const file = key.isSecret ? environment[`${name}_FILE`] : undefined;
      if (file !== undefined) putFile(tree, key, file, `${name}_FILE`, origins, problems);
    }
  }
  for (const [name, text = ''] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || OWN_VARIABLES.has(name) || isServiceLink(name, text)) continue;
    const base = name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : name;
    const key = KEYS_BY_VARIABLE.get(name) ?? KEYS_BY_VARIABLE.get(base);
    if (key === undefined && name.startsWith(APPS_PREFIX)) ofApps.set(name, text);
    else if (key === undefined || (base !== name && !KEYS_BY_VARIABLE.has(name) && !key.isSecret)) {
      problems.push({
        key: name,
        expected: `a configuration key${suggest(name)}`,
        got: 'an unknown environment variable',
      });
    }
  }
  return ofApps;
}

/** Variables with our prefix that are not keys: what the launcher and the command line read themselves. */
const OWN_VARIABLES: ReadonlySet<string> = new Set([`${PREFIX}CONFIG`]);

function readFlag(tree: Tree, path: string, text: string, origins: Map<string, string>, problems: Problem[]): void {
  const key = KEYS_BY_PATH.get(path);
  if (key === undefined)
    problems.push({ key: path, expected: 'a configuration key (see print-config)', got: 'an unknown one' });
  else put(tree, key, text, 'command line', origins, problems);
}

function putFile(
  tree: Tree,
  key: Key,
  file: string,
  origin: string,
  origins: Map<string, string>,
  problems: Problem[],
): void {
  try {
    put(tree, key, secretText(readFileSync(file)), origin, origins, problems);
  } catch (error) {
    problems.push({
      key: key.path,
      expected: `a readable file named by ${origin}`,
      got: (error as NodeJS.ErrnoException).code ?? String(error),
    });
  }
}

function put(
  tree: Tree,
  key: Key,
  text: string,
  origin: string,
  origins: Map<string, string>,
  problems: Problem[],
): void {
  const value = convert(key, text);
  if (value === undefined) {
    problems.push({ key: key.path, expected: `a ${key.kind} in ${origin}`, got: JSON.stringify(text) });
    return;
  }
  const [section = '', name] = key.path.split('.');
  if (name === undefined) tree[section] = value;
  else {
    if (!isTree(tree[section])) tree[section] = {};
    (tree[section] as Tree)[name] = value;
  }
  origins.set(key.path, origin);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}
