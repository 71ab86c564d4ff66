/** The folder of a database in the process, for work on it while no node has it. */
import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { FileLock } from '../telemetry/file-lock.ts';
import { missingPackage } from '../telemetry/optional-package.ts';
import type { Session } from './driver.ts';
import { PGLITE_PACKAGE, PGliteSession } from './pglite-driver.ts';

/** Opens what stands under this name in the folder, or makes it of an archive. The caller closes it. */
export type OpenPGlite = (name: string, archive?: Blob) => Promise<PGlite>;

/**
 * @param work has the folder for itself
 * @throws Error when a node has it, or the package is not installed
 */
export async function lockedFolder<T>(folder: string, work: (open: OpenPGlite) => Promise<T>): Promise<T> {
  const missing = missingPackage(PGLITE_PACKAGE, 'the embedded database (no database.url)');
  if (missing !== null) throw new Error(missing);
  const { PGlite: database } = await import('@electric-sql/pglite');
  const lock = FileLock.take(
    join(folder, 'signalbox.lock'),
    'stop the node that has it, and start it again afterwards',
  );
  try {
    return await work((name, archive) =>
      database.create(join(folder, name), archive === undefined ? {} : { loadDataDir: archive }),
    );
  } finally {
    lock.release();
  }
}

export function sessionOf(pglite: PGlite): Session {
  return new PGliteSession(pglite, () => {});
}
