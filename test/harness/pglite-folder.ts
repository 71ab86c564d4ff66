/** Folders for the embedded database. Making one takes seconds, so the first one of a machine is kept, and the others are copies. */
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import packageJson from '../../package.json' with { type: 'json' };
import { endings } from './end-of-file.ts';

const VERSION = packageJson.devDependencies['@electric-sql/pglite'];
const FIRST = join(tmpdir(), `signalbox-pglite-${VERSION}`);
const made = new Set<string>();
endings.add(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
  made.clear();
});

/** For `database.folder`. */
export async function pgliteFolder(): Promise<string> {
  if (!existsSync(FIRST)) await makeFirst();
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-pglite-of-test-'));
  made.add(folder);
  cpSync(FIRST, join(folder, 'data'), { recursive: true });
  return folder;
}

/** Others may be making it too: the first that is done has made it. */
async function makeFirst(): Promise<void> {
  const own = mkdtempSync(`${FIRST}-`);
  const pglite = await PGlite.create(own);
  await pglite.close();
  try {
    renameSync(own, FIRST);
  } catch {
    rmSync(own, { recursive: true });
  }
}
