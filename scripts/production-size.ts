/** Prints how many packages a production install has and how much disk they take, and fails above the limits. */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A dozen of them are the client library of PostgreSQL: together a megabyte. */
const MAX_PACKAGES = 55;
const MAX_MEGABYTES = 60;
const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Entry {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
  packages: Readonly<Record<string, Entry>>;
};
// The packages here, without those that only development needs, are what `npm install --omit=dev` would install.
const production = Object.entries(packages)
  .filter(([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true)
  .map(([path]) => path)
  .filter((path) => existsSync(join(ROOT, path, 'package.json')));
const megabytes = production.reduce((sum, path) => sum + bytesOf(join(ROOT, path)), 0) / 1_048_576;

process.stdout.write(
  `production install: ${production.length} packages (at most ${MAX_PACKAGES}), ${megabytes.toFixed(1)} MB (at most ${MAX_MEGABYTES})\n`,
);
if (production.length > MAX_PACKAGES || megabytes > MAX_MEGABYTES) process.exitCode = 1;

/** Bytes on disk of a package, without the packages inside it: those are entries of their own. */
function bytesOf(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) bytes += entry.name === 'node_modules' ? 0 : bytesOf(join(folder, entry.name));
    else bytes += lstatSync(join(folder, entry.name)).blocks * 512;
  return bytes;
}
