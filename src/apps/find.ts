/** Finds applications: by the modules of the configuration, by the sections of those that are built in, and in a program. */
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { APPS_PREFIX } from '../config/app-sections.ts';
import type { Problem } from '../config/problem.ts';
import { isQueueName, QUEUE_NAME_FORM } from '../queue/queue-name.ts';
import type { App } from './app.ts';
import { importProblem } from './import-problem.ts';
import type { FoundApp } from './loaded.ts';

/** Applications of this repository: imported when their section is there. */
export type BuiltIn = Readonly<Record<string, () => Promise<{ readonly app: App }>>>;

interface Wanted {
  readonly modules: readonly string[];
  readonly sections: Readonly<Record<string, unknown>>;
  /** Names of variables that may set their keys. */
  readonly variables: readonly string[];
  readonly builtIn: BuiltIn;
}

const NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** Every application that is wanted and can be had; what cannot becomes a problem. */
export async function findApps(wanted: Wanted, problems: Problem[]): Promise<readonly FoundApp[]> {
  const names = Object.keys(wanted.builtIn).filter(
    (name) =>
      Object.hasOwn(wanted.sections, name) || wanted.variables.some((it) => it.startsWith(variablePrefix(name))),
  );
  const found = await Promise.all([
    ...names.map(async (name) => ({ app: (await wanted.builtIn[name]?.())?.app, origin: 'built in' })),
    ...wanted.modules.map(async (path) => ({ app: await importApp(path, problems), origin: path })),
  ]);
  return found.flatMap(({ app, origin }) => (app === undefined ? [] : [{ app, origin }]));
}

/** What the variables of an application's keys begin with. */
export function variablePrefix(name: string): string {
  return `${APPS_PREFIX}${name.replaceAll('-', '_').toUpperCase()}_`;
}

/** What is wrong with an application itself, before anything of it runs. */
export function appProblems({ app, origin }: FoundApp): Problem[] {
  const { name, start, queues } = app as Partial<App>;
  if (typeof name !== 'string' || !NAME.test(name))
    return [
      {
        key: 'apps.modules',
        expected: `${origin}: a name of [a-z][a-z0-9-]*, at most 32 long`,
        got: JSON.stringify(name) ?? 'none',
      },
    ];
  const misnamed = (queues?.names ?? []).filter((queue) => !isQueueName(queue));
  if (misnamed.length > 0)
    return misnamed.map((queue) => ({
      key: `apps.${name}`,
      expected: `${origin}: queues with names of ${QUEUE_NAME_FORM}`,
      got: JSON.stringify(queue) ?? 'none',
    }));
  if (typeof start === 'function') return [];
  return [
    {
      key: `apps.${name}`,
      expected: `${origin}: an application with start(host, settings)`,
      got: `a start that is ${typeof start}`,
    },
  ];
}

/** Names that two applications have. */
export function twinProblems(found: readonly FoundApp[]): Problem[] {
  const byName = Map.groupBy(found, ({ app }) => app.name);
  return [...byName].flatMap(([name, twins]) =>
    twins.length < 2
      ? []
      : [
          {
            key: `apps.${name}`,
            expected: 'one application of this name',
            got: twins.map(({ origin }) => origin).join(' and '),
          },
        ],
  );
}

async function importApp(path: string, problems: Problem[]): Promise<App | undefined> {
  try {
    const module = (await import(isAbsolute(path) ? pathToFileURL(path).href : path)) as { readonly app?: unknown };
    if (typeof module.app === 'object' && module.app !== null) return module.app as App;
    problems.push({
      key: 'apps.modules',
      expected: `a named export "app" of ${path}`,
      got: `a module with ${Object.keys(module).join(', ') || 'no exports'}`,
    });
  } catch (error) {
    problems.push({ key: 'apps.modules', expected: `a module that can be loaded: ${path}`, got: importProblem(error) });
  }
  return undefined;
}
