/**
 * Builds dist/, which the package holds instead of src/: Node strips no types inside node_modules. The two are laid out
 * alike, so that what a file finds from its own place (config/, package.json, its scripts) it finds from both.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { consoleBundle } from './console-bundle.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Another place is for tests, whose processes need no types. */
const [place] = process.argv.slice(2);
const dist = place ?? join(ROOT, 'dist');

rmSync(dist, { recursive: true, force: true });
const forTests = ['--outDir', dist, '--declaration', 'false', '--inlineSources', 'false', '--sourceMap', 'false'];
execFileSync(
  join(ROOT, 'node_modules/.bin/tsc'),
  ['--project', join(ROOT, 'tsconfig.build.json'), ...(place === undefined ? [] : forTests)],
  { stdio: 'inherit' },
);
for (const file of globSync('**/*.{js,d.ts}', { cwd: dist })) {
  const text = readFileSync(join(dist, file), 'utf8');
  const built = withBuiltNames(text);
  if (built !== text) writeFileSync(join(dist, file), built);
}
for (const file of globSync('**/*.{lua,html,sql,css,svg,min.js,LICENSE}', { cwd: join(ROOT, 'src') }))
  cpSync(join(ROOT, 'src', file), join(dist, file));
await buildClientScript();
writeFileSync(join(dist, 'http/console/page/console.js'), await consoleBundle());

/** The client for pages without modules: `<script src="…/signalbox.js">`, then `signalbox.createClient`. */
async function buildClientScript(): Promise<void> {
  const script = await rolldown({ input: join(dist, 'client/classic/index.js') });
  await script.write({ file: join(dist, 'client/signalbox.js'), format: 'iife', name: 'signalbox', minify: true });
}

/**
 * The compiler renames what code imports, but neither the files of workers and threads, which are started by URL, nor
 * what types import. `.js` is as long as `.ts`: source maps stay right.
 */
function withBuiltNames(text: string): string {
  return text
    .replaceAll(/(new URL\((['"`])[^'"`]+)\.ts\2, import\.meta\.url\)/g, '$1.js$2, import.meta.url)')
    .replaceAll(/(\b(?:from |import |import\()(['"])\.[^'"]+)\.ts\2/g, '$1.js$2');
}
