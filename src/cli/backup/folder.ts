/** The folder of backups: their names, the room that is left for one more, and which of them are old enough to go. */
import { chmod, mkdir, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { MANIFEST } from './manifest.ts';

const NAME = /^signalbox-\d{8}T\d{6}Z\.(?:dump|tar\.gz)$/;
const PARTIAL = '.partial';

/** @param at milliseconds since 1970 */
export function backupName(at: number, ending: 'dump' | 'tar.gz', beginning = 'signalbox'): string {
  const whole = new Date(at).toISOString().replaceAll(/[-:.]/g, '');
  // Two restores in one second each keep what was there before.
  const time = beginning === 'signalbox' ? whole.replace(/\d{3}Z$/, 'Z') : whole;
  return `${beginning}-${time}.${ending}`;
}

/** @throws Error where there is less room than the data takes: an archive is smaller, and how much is not known before */
export async function checkRoom(folder: string, bytes: number): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free < bytes)
    throw new Error(
      `expected ${mebibytes(bytes)} of room in ${folder}, which is what the database takes, got ${mebibytes(free)}: nothing was written`,
    );
}

/**
 * The archive and its manifest appear under their names when both are whole, and not before.
 * @param write makes the archive at this path, tests it, and writes its manifest at the other one
 */
export async function written(
  folder: string,
  name: string,
  write: (archive: string, manifest: string) => Promise<void>,
): Promise<string> {
  const path = join(folder, name);
  const [archive, manifest] = [`${path}${PARTIAL}`, `${path}${MANIFEST}${PARTIAL}`];
  try {
    await write(archive, manifest);
    await chmod(archive, 0o600);
    await rename(manifest, `${path}${MANIFEST}`);
    await rename(archive, path);
    return path;
  } finally {
    for (const left of [archive, manifest]) await rm(left, { force: true });
  }
}

/** @returns names of those that were removed: all but the newest */
export async function rotate(folder: string, keep: number): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => NAME.test(name)).toSorted();
  const old = names.slice(0, Math.max(0, names.length - keep));
  for (const name of old) {
    await rm(join(folder, name), { force: true });
    await rm(join(folder, `${name}${MANIFEST}`), { force: true });
  }
  return old;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
