/** docs/client-recipes.md: its blocks of code, run as they are printed. */
import { readFileSync } from 'node:fs';
import { compileFunction } from 'node:vm';
import { transformSync } from 'rolldown/utils';

export interface Recipe {
  /** Its heading. */
  readonly problem: string;
  readonly code: string;
}

/** What a block leaves at its first level, by name. */
export type Left = Readonly<Record<string, unknown>>;

export const PAGE = readFileSync(new URL('../../../docs/client-recipes.md', import.meta.url), 'utf8');

export function recipesOf(page: string): Recipe[] {
  return page
    .split(/^## /m)
    .slice(1)
    .flatMap((section) => {
      const [problem = ''] = section.split('\n', 1);
      return [...section.matchAll(/^```jsx?\n(.*?)^```$/gms)].map(([, code = '']) => ({ problem, code }));
    });
}

/**
 * @param given the names that the page leaves to its reader
 * @param modules what it imports, by name
 */
export async function run(
  { problem, code }: Recipe,
  given: Readonly<Record<string, unknown>>,
  modules: Readonly<Record<string, unknown>>,
): Promise<Left> {
  // The compiler would drop imports that only types seem to need.
  const withoutImports = code
    .replaceAll(/^import type .*;\n/gm, '')
    .replaceAll(
      /^import \{(.*?)\} from '(.*?)';$/gm,
      (_, names: string, from: string) => `const {${names.replaceAll(' as ', ': ')}} = modules['${from}'];`,
    );
  const { code: script, errors } = transformSync('recipe.tsx', withoutImports, {
    lang: 'tsx',
    jsx: { runtime: 'classic', pragma: 'createElement' },
  });
  if (errors.length > 0) throw new Error(`${problem}: ${errors.map(({ message }) => message).join('; ')}`);
  const names = [...code.matchAll(/^(?:(?:async )?function|const|let) (\w+)/gm)].map(([, name = '']) => name);
  const body = `return (async () => {${script.replaceAll(/^export \{\};$/gm, '')}\nreturn { ${names.join(', ')} };\n})()`;
  const scope = { ...given, modules };
  const call = compileFunction(body, Object.keys(scope), { filename: `recipe "${problem}"` });
  return (call as (...values: unknown[]) => Promise<Left>)(...Object.values(scope));
}
