/**
 * Builds dist/, which the package holds instead of src/: Node strips no types inside node_modules. The two are laid out
 * alike, so that what a file finds from its own place (config/, package.json, its scripts) it finds from both.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['--project', join(ROOT, 'tsconfig.build.json')], {
  stdio: 'inherit',
});
for (const file of globSync('dist/**/*.{js,d.ts}', { cwd: ROOT })) {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const built = withBuiltNames(text);
  if (built !== text) writeFileSync(join(ROOT, file), built);
}
/** The client for pages without modules: `<script src="…/signalbox.js">`, then `signalbox.createClient`. */
const script = await rolldown({ input: join(ROOT, 'dist/client/index.js') });
await script.write({ file: join(ROOT, 'dist/client/signalbox.js'), format: 'iife', name: 'signalbox', minify: true });
for (const file of globSync('**/*.{lua,html}', { cwd: join(ROOT, 'src') }))
  cpSync(join(ROOT, 'src', file), join(ROOT, 'dist', file));

/**
 * The compiler renames what code imports, but neither the files of workers and threads, which are started by URL, nor
 * what types import. `.js` is as long as `.ts`: source maps stay right.
 */
function withBuiltNames(text: string): string {
  return text
    .replaceAll(/(new URL\((['"`])[^'"`]+)\.ts\2, import\.meta\.url\)/g, '$1.js$2, import.meta.url)')
    .replaceAll(/(\b(?:from |import |import\()(['"])\.[^'"]+)\.ts\2/g, '$1.js$2');
}
