/** Writes the reference pages from the tables in the code; with --check it only says which are stale. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { benchmarksPage, charts, newestReports, performancePage } from '../bench/report/page.ts';
import { scalingPage } from '../bench/report/growth.ts';
import { operationsPage } from '../bench/report/sizing.ts';
import { configurationPage, defaultToml } from './docs/configuration.ts';
import { doctorPage } from './docs/doctor.ts';
import { errorsPage } from './docs/errors.ts';
import { metricsPage } from './docs/metrics.ts';
import { openApiFile } from './docs/openapi.ts';
import { webhooksPage } from './docs/webhooks.ts';

/** Path from the root → content. Results are read anew each time: a benchmark brings the pages up to date with those it has just written. */
export function generated(): Readonly<Record<string, () => string>> {
  const reports = newestReports();
  return {
    'config/default.toml': defaultToml,
    'docs/benchmarks.md': () => benchmarksPage(reports),
    'docs/configuration.md': configurationPage,
    'docs/doctor.md': doctorPage,
    'docs/errors.md': errorsPage,
    'docs/metrics.md': metricsPage,
    'docs/openapi.json': openApiFile,
    'docs/operations.md': operationsPage,
    'docs/performance.md': () => performancePage(reports),
    'docs/scaling.md': scalingPage,
    'docs/webhooks.md': webhooksPage,
    ...charts(reports),
  };
}

/** The generated files whose content on disk is not what the tables say. */
export function staleFiles(): string[] {
  return Object.keys(stale());
}

/** Brings the stale files up to date. Returns their names. */
export function writeStale(): string[] {
  const contents = stale();
  for (const [path, content] of Object.entries(contents)) writeFileSync(absolute(path), content);
  return Object.keys(contents);
}

function stale(): Record<string, string> {
  const all = Object.entries(generated()).map(([path, make]) => [path, make()] as const);
  return Object.fromEntries(all.filter(([path, content]) => read(path) !== content));
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
    const files = staleFiles();
    if (files.length > 0) process.stderr.write(`stale: ${files.join(', ')} (run make docs)\n`);
    process.exitCode = files.length > 0 ? 1 : 0;
  } else {
    const written = writeStale();
    process.stdout.write(written.length > 0 ? `written: ${written.join(', ')}\n` : 'nothing was stale\n');
  }
}
