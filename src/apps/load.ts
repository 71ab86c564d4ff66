/** From the configuration to applications that can be started: the same in serve, in workers, in a program and in tests. */
import { ConfigError } from '../config/config-error.ts';
import { suggest } from '../config/explain.ts';
import type { Loaded } from '../config/load.ts';
import type { Problem } from '../config/problem.ts';
import type { App } from './app.ts';
import { appProblems, findApps, twinProblems, type BuiltIn } from './find.ts';
import type { FoundApp, LoadedApp } from './loaded.ts';
import { readSection, strayVariables } from './settings.ts';
import { usesProblems } from './uses.ts';

/** The configuration together with its applications. */
export interface LoadedWithApps extends Loaded {
  readonly apps: readonly LoadedApp[];
}

/**
 * @param given applications of a program
 * @throws ConfigError with everything that is wrong
 */
export async function loadApps(loaded: Loaded, builtIn: BuiltIn, given: readonly App[] = []): Promise<LoadedWithApps> {
  const problems: Problem[] = [];
  const { modules, sections } = loaded.config.apps;
  const variables = [...loaded.appTexts.variables.keys()];
  const found = await findApps({ modules, sections, variables, builtIn }, problems);
  return readApps(loaded, [...found, ...ofProgram(given)], problems);
}

/**
 * The applications of a program alone, at once, so that its mistakes are thrown where they are made.
 * @throws ConfigError
 */
export function checkGivenApps(loaded: Loaded, given: readonly App[]): void {
  // Sections of others may be those of modules, which are read when the server starts.
  readApps(loaded, ofProgram(given), [], false);
}

function ofProgram(given: readonly App[]): FoundApp[] {
  return given.map((app) => ({ app, origin: 'the program' }));
}

function readApps(loaded: Loaded, found: readonly FoundApp[], problems: Problem[], isComplete = true): LoadedWithApps {
  const { config, appTexts: texts } = loaded;
  const { sections } = config.apps;
  const origins = new Map(loaded.origins);
  const used = new Set<string>();
  const broken = found.flatMap(appProblems);
  problems.push(...broken, ...twinProblems(found));
  const sound = found.filter((it) => appProblems(it).length === 0);
  const apps = sound.flatMap((it) => readSection(it, { sections, texts, origins }, used, problems) ?? []);
  if (isComplete) problems.push(...usesProblems(sound.map(({ app }) => app)));
  if (isComplete) problems.push(...strayProblems(loaded, sound, apps, used));
  if (problems.length > 0) throw new ConfigError(problems);
  const own = Object.fromEntries(apps.map(({ app, section }) => [app.name, section]));
  return { ...loaded, config: { ...config, apps: { ...config.apps, sections: own } }, origins, apps };
}

/** Sections, variables and flags of applications that do not run. */
function strayProblems(
  { config, appTexts }: Loaded,
  found: readonly FoundApp[],
  apps: readonly LoadedApp[],
  used: ReadonlySet<string>,
): Problem[] {
  const names = found.map(({ app }) => app.name);
  const expected = `the section of an application that runs (${names.join(', ') || 'none does'}): see apps.modules`;
  const sections = Object.keys(config.apps.sections)
    .filter((name) => !names.includes(name))
    .map((name) => ({ key: `apps.${name}`, expected, got: 'a section of nobody' }));
  const keys = apps.flatMap((app) => app.keys);
  const flags = [...appTexts.flags.keys()]
    .filter((path) => !used.has(path))
    .map((path) => ({
      key: path,
      expected: `a key of an application that runs (${names.join(', ') || 'none does'})${suggest(path, keys)}`,
      got: 'an unknown one',
    }));
  return [...sections, ...flags, ...strayVariables(found, appTexts, used)];
}
