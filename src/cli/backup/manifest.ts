/** What a backup says of itself, in a file beside it: enough to know that it is whole before anything is touched. It holds no address and no secret. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';

export interface Manifest {
  readonly format: 'signalbox-backup-1';
  readonly kind: 'postgresql' | 'pglite';
  /** ISO 8601. */
  readonly madeAt: string;
  /** Of the server that has made it. */
  readonly version: string;
  readonly bytes: number;
  /** Of the archive, in hexadecimal digits. */
  readonly sha256: string;
  /** Rows by table, `schema.table`. */
  readonly rows: Readonly<Record<string, number>>;
}

export const MANIFEST = '.json';

export async function writeManifest(
  path: string,
  archive: string,
  about: Pick<Manifest, 'kind' | 'madeAt' | 'version' | 'rows'>,
): Promise<Manifest> {
  const { size: bytes } = await stat(archive);
  const manifest: Manifest = { format: 'signalbox-backup-1', ...about, bytes, sha256: await sha256Of(archive) };
  await writeFile(path, `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
  return manifest;
}

/** @throws Error that says what is wrong with the archive */
export async function checkedManifest(archive: string, kind: Manifest['kind']): Promise<Manifest> {
  const path = `${archive}${MANIFEST}`;
  const manifest = read(path, await text(path, 'the file that database backup has written beside the archive'));
  if (manifest.kind !== kind)
    throw new Error(`expected a backup of ${kind}, as [database] names one, got one of ${manifest.kind}`);
  const { size } = await stat(archive).catch((error: unknown) => {
    throw new Error(`expected the archive ${archive}, got ${codeOf(error)}`);
  });
  if (size !== manifest.bytes) throw new Error(`expected ${manifest.bytes} bytes in ${archive}, got ${size}`);
  if ((await sha256Of(archive)) !== manifest.sha256)
    throw new Error(`expected ${archive} as it was written, got other bytes: it is corrupt, take another backup`);
  return manifest;
}

function read(path: string, json: string): Manifest {
  try {
    const manifest = JSON.parse(json) as Partial<Manifest> | null;
    const { format, bytes, sha256, rows, kind } = manifest ?? {};
    if (format === 'signalbox-backup-1' && typeof bytes === 'number' && typeof sha256 === 'string' && kind && rows)
      return manifest as Manifest;
  } catch {
    // Said below.
  }
  throw new Error(`expected ${path} to be of the format signalbox-backup-1, got something else`);
}

async function text(path: string, what: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw new Error(`expected ${path}, ${what}, got ${codeOf(error)}`);
  });
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

/** @returns one line for each table that has other rows than it had */
export function differences(
  expected: Readonly<Record<string, number>>,
  got: Readonly<Record<string, number>>,
): readonly string[] {
  return [...new Set([...Object.keys(expected), ...Object.keys(got)])]
    .filter((table) => expected[table] !== got[table])
    .map((table) => `${table}: expected ${expected[table] ?? 'no'} rows, got ${got[table] ?? 'no table'}`);
}
