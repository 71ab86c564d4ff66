/**
 * The server that tests start as processes: built as the package is, once for a run. Started from its source, each process
 * spends twice the CPU time on its start, because Node strips the types of all its files every time.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Tells the processes of the tests where it is. */
const VARIABLE = 'TESTED_SERVER';

/** What a process is started with: as the launcher does, from the built files. */
export function serverCommand(): readonly string[] {
  return ['--max-semi-space-size=4', '--v8-pool-size=1', join(builtFiles(), 'main.js')];
}

/** The folder that is `dist` in the package. */
export function builtFiles(): string {
  const directory = process.env[VARIABLE];
  if (directory === undefined) throw new Error(`expected ${VARIABLE} from the setup of the run (vitest.config.ts)`);
  return join(directory, 'dist');
}

/** Called by vitest before the first test file. */
export function setup(): void {
  const places = join(ROOT, '.toolchain/tested');
  const sources = globSync(['src/**/*.{ts,lua,html}', 'scripts/build.ts', 'tsconfig*.json', 'package.json'], {
    cwd: ROOT,
  });
  const newest = Math.max(...sources.map((file) => statSync(join(ROOT, file)).mtimeMs));
  const name = `${sources.length}-${Math.round(newest)}`;
  const place = join(places, name);
  process.env[VARIABLE] = place;
  if (existsSync(place)) return;
  mkdirSync(places, { recursive: true });
  for (const old of readdirSync(places)) rmSync(join(places, old), { recursive: true, force: true });
  const making = `${place}.${process.pid}`;
  execFileSync(process.execPath, [join(ROOT, 'scripts/build.ts'), join(making, 'dist')], { stdio: 'inherit' });
  // It finds both from its own place.
  for (const shared of ['config', 'package.json']) symlinkSync(join(ROOT, shared), join(making, shared));
  renameSync(making, place);
}
