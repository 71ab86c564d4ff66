/** Writes the reference pages from the tables in the code; with --check it only says which are stale. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configurationPage, defaultToml } from './docs/configuration.ts';
import { errorsPage } from './docs/errors.ts';
import { metricsPage } from './docs/metrics.ts';
import { openApiFile } from './docs/openapi.ts';

/** Path from the root → content. */
export const GENERATED: Readonly<Record<string, () => string>> = {
  'config/default.toml': defaultToml,
  'docs/configuration.md': configurationPage,
  'docs/errors.md': errorsPage,
  'docs/metrics.md': metricsPage,
  'docs/openapi.json': openApiFile,
};

/** The generated files whose content on disk is not what the tables say. */
export function staleFiles(): string[] {
  return Object.entries(GENERATED)
    .filter(([path, make]) => read(path) !== make())
    .map(([path]) => path);
}

function absolute(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

function read(path: string): string | null {
  try {
    return readFileSync(absolute(path), 'utf8');
  } catch {
    return null;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stale = staleFiles();
  if (process.argv.includes('--check')) {
    if (stale.length > 0) process.stderr.write(`stale: ${stale.join(', ')} (run make docs)\n`);
    process.exitCode = stale.length > 0 ? 1 : 0;
  } else {
    for (const path of stale) writeFileSync(absolute(path), GENERATED[path]?.() ?? '');
    process.stdout.write(stale.length > 0 ? `written: ${stale.join(', ')}\n` : 'nothing was stale\n');
  }
}
