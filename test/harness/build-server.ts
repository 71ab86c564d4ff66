/**
 * Builds the server that tests start as processes, once for a run: as the package is built, and then bundled. Started from its
 * source, each process spends four times the CPU time on its start, because Node strips the types of all its files every time.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundlePrograms } from './bundled-server.ts';
import { VARIABLE } from './built-server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What decides how the server is built, and what is built. */
const SOURCES = [
  'src/**/*.{ts,lua,html,css,svg,min.js}',
  'bin/*.js',
  'scripts/{build,console-bundle}.ts',
  'test/harness/bu*-server.ts',
  'tsconfig*.json',
  'package*.json',
];

/** Called by vitest before the first test file. */
export async function setup(): Promise<void> {
  const places = join(ROOT, '.toolchain/tested');
  const place = join(places, hashOfSources());
  process.env[VARIABLE] = place;
  if (existsSync(place)) return;
  mkdirSync(places, { recursive: true });
  for (const old of readdirSync(places)) rmSync(join(places, old), { recursive: true, force: true });
  const making = `${place}.${process.pid}`;
  const dist = join(making, 'dist');
  execFileSync(process.execPath, [join(ROOT, 'scripts/build.ts'), dist], { stdio: 'inherit' });
  await bundlePrograms(dist);
  // It finds both from its own place.
  for (const shared of ['config', 'package.json']) symlinkSync(join(ROOT, shared), join(making, shared));
  cpSync(join(ROOT, 'bin'), join(making, 'bin'), { recursive: true });
  renameSync(making, place);
}

function hashOfSources(): string {
  const hash = createHash('sha256');
  for (const file of globSync(SOURCES, { cwd: ROOT }).toSorted())
    hash.update(`${file}\n`).update(readFileSync(join(ROOT, file)));
  return hash.digest('hex').slice(0, 16);
}
