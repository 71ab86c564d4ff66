/** Whether the disks of folders that are written to have room. */
import { existsSync, statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Check } from '../../check.ts';
import { mebibytes } from '../../each-node.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';
import type { Configuration } from '../../patient.ts';

const FULL = 64 * 1_048_576;
const SCARCE = 1_024 * 1_048_576;

export const hostDisk: Check = {
  name: 'host.disk',
  looksAt: 'Room on the disks of `database.folder` and of the folders of applications.',
  needs: ['configuration'],
  run: ({ configuration }) => (configuration === null ? [] : foldersOf(configuration).map(roomOf)),
};

interface Folder {
  readonly key: string;
  readonly path: string;
}

function foldersOf({ config, apps }: Configuration): readonly Folder[] {
  const own = config?.database.folder;
  const ofApps = apps.flatMap(({ keys, settings }) =>
    keys.flatMap(({ path: key }) => {
      const name = key.split('.').at(-1) ?? '';
      const path = (settings as Readonly<Record<string, unknown>>)[name];
      return /(?:^|_)(?:folder|dir)$/.test(name) && typeof path === 'string' ? [{ key, path }] : [];
    }),
  );
  return [...(own === undefined ? [] : [{ key: 'database.folder', path: own }]), ...ofApps];
}

function roomOf({ key, path }: Folder): Observation {
  let nearest = resolve(path);
  while (!existsSync(nearest)) nearest = dirname(nearest);
  const { bavail, bsize } = statfsSync(nearest);
  const free = bavail * bsize;
  const says = `${mebibytes(free)} free for ${key} (${path})`;
  const cure = `make room on that disk, or choose another ${key}`;
  if (free < FULL) return fail(says, cure);
  return free < SCARCE ? warn(says, cure) : ok(says);
}
