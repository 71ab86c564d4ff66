/** Writes the reference pages from the tables in the code; with --check it only says which are stale. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { benchmarksPage, charts, newestReports, performancePage } from '../bench/report/page.ts';
import { scalingPage } from '../bench/report/growth.ts';
import { configurationPage, defaultToml } from './docs/configuration.ts';
import { errorsPage } from './docs/errors.ts';
import { metricsPage } from './docs/metrics.ts';
import { openApiFile } from './docs/openapi.ts';
import { webhooksPage } from './docs/webhooks.ts';

const reports = newestReports();

/** Path from the root → content. */
export const GENERATED: Readonly<Record<string, () => string>> = {
  'config/default.toml': defaultToml,
  'docs/benchmarks.md': () => benchmarksPage(reports),
  'docs/configuration.md': configurationPage,
  'docs/errors.md': errorsPage,
  'docs/metrics.md': metricsPage,
  'docs/openapi.json': openApiFile,
  'docs/performance.md': () => performancePage(reports),
  'docs/scaling.md': scalingPage,
  'docs/webhooks.md': webhooksPage,
  ...charts(reports),
};

/** The generated files whose content on disk is not what the tables say. */
export function staleFiles(): string[] {
  return Object.entries(GENERATED)
    .filter(([path, make]) => read(path) !== make())
    .map(([path]) => path);
}

/** Brings the stale files up to date. Returns their names. */
export function writeStale(): string[] {
  const stale = staleFiles();
  for (const path of stale) writeFileSync(absolute(path), GENERATED[path]?.() ?? '');
  return stale;
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
  if (process.argv.includes('--check')) {
    const stale = staleFiles();
    if (stale.length > 0) process.stderr.write(`stale: ${stale.join(', ')} (run make docs)\n`);
    process.exitCode = stale.length > 0 ? 1 : 0;
  } else {
    const written = writeStale();
    process.stdout.write(written.length > 0 ? `written: ${written.join(', ')}\n` : 'nothing was stale\n');
  }
}
