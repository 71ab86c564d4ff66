// Rewrites the lock files so that `npm ci` accepts it on every npm version and platform.
// npm 11.16 and later drops (11.13 does not) optional packages that the registry does not serve, then `npm ci` rejects
// the lock for missing them (npm/cli#9846). An inert `{ "optional": true }` entry satisfies both.
import { readFileSync, writeFileSync } from 'node:fs';

const FILES = ['package-lock.json', 'bench/peers/package-lock.json'];
const isCheck = process.argv.includes('--check');

for (const file of FILES) {
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const added = addPlaceholders(lock);
  if (isCheck && added > 0) {
    console.error(`${file} lacks ${added} optional entries: run make lock`);
    process.exitCode = 1;
  } else if (!isCheck) {
    writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
    console.log(`${file}: ${added} placeholder entries added`);
  }
}

/** Adds what is missing to the lock, in order. Returns how many entries that were. */
function addPlaceholders(lock) {
  const { packages } = lock;
  let added = 0;
  for (const [path, meta] of Object.entries(packages)) {
    for (const name of Object.keys(meta.optionalDependencies ?? {})) {
      if (resolves(packages, path, name)) continue;
      packages[`${path === '' ? '' : `${path}/`}node_modules/${name}`] = { optional: true };
      added += 1;
    }
  }
  lock.packages = Object.fromEntries(
    Object.entries(packages).sort(([a], [b]) => (a === '' ? -1 : b === '' ? 1 : a.localeCompare(b, 'en'))),
  );
  return added;
}

/** Node's resolution, over lock keys: nearest enclosing node_modules first. */
function resolves(packages, from, name) {
  for (let dir = from; ;) {
    if (packages[`${dir === '' ? '' : `${dir}/`}node_modules/${name}`]) return true;
    if (dir === '') return false;
    const cut = dir.lastIndexOf('/node_modules/');
    dir = cut === -1 ? '' : dir.slice(0, cut);
  }
}
