// Rewrites package-lock.json so that `npm ci` accepts it on every npm version and platform.
// npm 11.16 and later drops (11.13 does not) optional packages that the registry does not serve, then `npm ci` rejects
// the lock for missing them (npm/cli#9846). An inert `{ "optional": true }` entry satisfies both.
import { readFileSync, writeFileSync } from 'node:fs';

const file = 'package-lock.json';
const lock = JSON.parse(readFileSync(file, 'utf8'));
const { packages } = lock;

/** Node's resolution, over lock keys: nearest enclosing node_modules first. */
function resolves(from, name) {
  for (let dir = from; ;) {
    if (packages[`${dir === '' ? '' : `${dir}/`}node_modules/${name}`]) return true;
    if (dir === '') return false;
    const cut = dir.lastIndexOf('/node_modules/');
    dir = cut === -1 ? '' : dir.slice(0, cut);
  }
}

let added = 0;
for (const [path, meta] of Object.entries(packages)) {
  for (const name of Object.keys(meta.optionalDependencies ?? {})) {
    if (resolves(path, name)) continue;
    packages[`${path === '' ? '' : `${path}/`}node_modules/${name}`] = { optional: true };
    added += 1;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(packages).sort(([a], [b]) => (a === '' ? -1 : b === '' ? 1 : a.localeCompare(b, 'en'))),
);
if (process.argv.includes('--check')) {
  if (added > 0) {
    console.error(`${file} lacks ${added} optional entries: run make lock`);
    process.exit(1);
  }
} else {
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${file}: ${added} placeholder entries added`);
}
