/**
 * Backup and restore of the database in the process, whose node is stopped meanwhile. The archive is the folder of its data as
 * tar and gzip; it is tested by opening it. A restore makes a folder beside the old one, and changes names when it is good.
 */
import { createReadStream, openAsBlob } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { Writable } from 'node:stream';
import type { PGlite } from '@electric-sql/pglite';
import type { Session } from '../../database/driver.ts';
import { lockedFolder, sessionOf } from '../../database/pglite-folder.ts';
import { version } from '../version.ts';
import { backupName, checkRoom, written } from './folder.ts';
import { checkedManifest, differences, writeManifest } from './manifest.ts';
import type { Restored } from './postgresql.ts';
import { ownSchemas, rowCounts } from './tables.ts';

const ENDING = 'tar.gz';
const DATA = 'data';
const NEW = 'data.restoring';

/** @param from the folder of the database @returns the path of the archive */
export async function backUpPGlite(
  from: string,
  { folder, now }: { readonly folder: string; readonly now: number },
): Promise<string> {
  return lockedFolder(from, async (open) => {
    await checkRoom(folder, await sizeOf(join(from, DATA)));
    const pglite = await open(DATA);
    try {
      const rows = await countsOf(pglite);
      if (Object.keys(rows).length === 0)
        throw new Error(`expected tables of this server in ${from}, and there are none`);
      return await written(folder, backupName(now, ENDING), async (archive, manifest) => {
        const dumped = await pglite.dumpDataDir('gzip');
        await writeFile(archive, Buffer.from(await dumped.arrayBuffer()), { mode: 0o600 });
        await testArchive(archive);
        const about = { kind: 'pglite', madeAt: new Date(now).toISOString(), version } as const;
        await writeManifest(manifest, archive, { ...about, rows });
      });
    } finally {
      await pglite.close();
    }
  });
}

/** The old data stays beside the new, under a name with the time. */
export async function restorePGlite(
  to: string,
  {
    archive,
    now,
    further,
  }: { readonly archive: string; readonly now: number; readonly further: ReadonlyMap<string, string> },
): Promise<Restored> {
  const { rows: expected } = await checkedManifest(archive, 'pglite');
  await testArchive(archive);
  await mkdir(to, { recursive: true });
  return lockedFolder(to, async (open) => {
    await rm(join(to, NEW), { recursive: true, force: true });
    try {
      const pglite = await open(NEW, await openAsBlob(archive));
      const rows = await countsOf(pglite);
      const wrong = differences(expected, rows);
      if (wrong.length > 0)
        throw new Error(`expected the rows of the backup, and nothing was changed: ${wrong.join('; ')}`);
      for (const [schema, sql] of further)
        if (Object.keys(rows).some((table) => table.startsWith(`${schema}.`))) await pglite.exec(sql);
      await pglite.close();
      const before = await setAside(to, now);
      await rename(join(to, NEW), join(to, DATA));
      return { before, rows, wrong };
    } catch (error) {
      await rm(join(to, NEW), { recursive: true, force: true });
      throw error;
    }
  });
}

async function setAside(folder: string, now: number): Promise<string | null> {
  const old = join(folder, DATA);
  if ((await stat(old).catch(() => null)) === null) return null;
  const before = join(folder, backupName(now, ENDING, 'before-restore').slice(0, -ENDING.length - 1));
  await rename(old, before);
  return before;
}

async function countsOf(pglite: PGlite): Promise<Readonly<Record<string, number>>> {
  const session: Session = sessionOf(pglite);
  return rowCounts(session, await ownSchemas(session));
}

/** Its sums are looked at while it is unpacked into nothing. */
async function testArchive(archive: string): Promise<void> {
  const nothing = new Writable({ write: (_chunk, _encoding, done) => done() });
  await pipeline(createReadStream(archive), createGunzip(), nothing).catch((error: unknown) => {
    throw new Error(`expected ${archive} to be whole, got ${String(error)}`);
  });
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  return bytes;
}
