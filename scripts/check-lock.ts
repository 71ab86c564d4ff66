/** Says what is wrong with a lock file: `make check` runs it over both, because a fresh clone installs only from a complete one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

type Names = Readonly<Record<string, string>>;

interface Manifest {
  readonly dependencies?: Names;
  readonly devDependencies?: Names;
  readonly optionalDependencies?: Names;
  readonly engines?: Names;
}

interface Entry extends Manifest {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
}

interface Lock {
  readonly packages: Readonly<Record<string, Entry>>;
}

const FOLDERS = ['.', 'bench/peers'];
/** What an install compares between package.json and the lock's root entry. */
const COMPARED = ['dependencies', 'devDependencies', 'optionalDependencies', 'engines'] as const;

/** Every fault of a lock, a line each; none when `npm install` would leave the lock as it is on every registry. */
export function lockFaults(manifest: Manifest, lock: Lock): string[] {
  const faults: string[] = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === '') continue;
    if (entry.version === undefined || entry.integrity === undefined)
      faults.push(`${path} has no ${entry.version === undefined ? 'version' : 'integrity'}`);
    if (entry.resolved !== undefined) faults.push(`${path} names a registry: ${entry.resolved}`);
  }
  for (const part of COMPARED)
    if (canonical(manifest[part]) !== canonical(lock.packages['']?.[part]))
      faults.push(`an install would change the lock: its ${part} are not those of package.json`);
  // Optional packages may be missing: a registry does not have to serve them.
  for (const [path, { dependencies = {} }] of Object.entries(lock.packages))
    for (const name of Object.keys(dependencies))
      if (!isLocked(lock, path, name) && lock.packages[path]?.optionalDependencies?.[name] === undefined)
        faults.push(`an install would change the lock: ${path === '' ? 'package.json' : path} wants ${name}`);
  return faults;
}

/** Node's resolution over the keys of a lock: the nearest enclosing node_modules first. */
function isLocked(lock: Lock, from: string, name: string): boolean {
  for (let folder = from; ;) {
    if (Object.hasOwn(lock.packages, `${folder === '' ? '' : `${folder}/`}node_modules/${name}`)) return true;
    if (folder === '') return false;
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')));
  }
}

function canonical(names: Names = {}): string {
  return JSON.stringify(Object.entries(names).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function readJson(folder: string, file: string): unknown {
  return JSON.parse(readFileSync(join(fileURLToPath(new URL('..', import.meta.url)), folder, file), 'utf8'));
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const folder of FOLDERS)
    for (const fault of lockFaults(
      readJson(folder, 'package.json') as Manifest,
      readJson(folder, 'package-lock.json') as Lock,
    )) {
      process.stderr.write(`${join(folder, 'package-lock.json')}: ${fault} (run make lock)\n`);
      process.exitCode = 1;
    }
