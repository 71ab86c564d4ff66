/** Objects as files of a folder. Nodes that share the folder share the storage. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkedObject, StorageError, type ByteRange, type Facts, type Storage } from './storage.ts';

/** Bytes that are read at once. */
const PIECE = 65_536;
/** Below this the disk counts as full before it is. */
const FREE_BYTES = 67_108_864;

export class DiskStorage implements Storage {
  readonly name = 'disk';
  readonly spoolFolder: string;
  private readonly folder: string;

  private constructor(folder: string) {
    this.folder = join(folder, 'objects');
    this.spoolFolder = join(folder, 'incoming');
  }

  /** @throws with what is wrong with the folder */
  static async open(folder: string): Promise<DiskStorage> {
    const storage = new DiskStorage(folder);
    await mkdir(storage.folder, { recursive: true });
    await mkdir(storage.spoolFolder, { recursive: true });
    return storage;
  }

  async store(object: string, file: string): Promise<void> {
    const path = this.pathOf(object);
    await guarded(async () => {
      await mkdir(dirname(path), { recursive: true });
      // On the same disk: there is never half an object.
      await rename(file, path);
    });
  }

  async find(object: string): Promise<Facts | null> {
    return guarded(async () => {
      const found = await stat(this.pathOf(object)).catch(absent);
      // Types are kept in the table alone.
      return found === null ? null : { bytes: found.size, type: '' };
    });
  }

  async open(object: string, range: ByteRange | null): Promise<AsyncIterable<Uint8Array> | null> {
    const path = this.pathOf(object);
    return guarded(async () => ((await stat(path).catch(absent)) === null ? null : piecesOf(path, range)));
  }

  async remove(object: string): Promise<void> {
    await guarded(() => rm(this.pathOf(object), { force: true }));
  }

  async putLink(): Promise<null> {
    return null;
  }

  async getLink(): Promise<null> {
    return null;
  }

  async probe(): Promise<void> {
    await guarded(async () => {
      await access(this.folder, constants.W_OK);
      const { statfs } = await import('node:fs/promises');
      const { bavail, bsize } = await statfs(this.folder);
      if (bavail * bsize < FREE_BYTES) throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' });
    });
  }

  /** Spread over 256 folders: a folder of a million files is slow on some disks. */
  private pathOf(object: string): string {
    const spread = createHash('sha256').update(checkedObject(object)).digest('hex').slice(0, 2);
    return join(this.folder, spread, object);
  }
}

/** Opened when the first piece is asked for: a request for the head alone opens nothing. */
async function* piecesOf(path: string, range: ByteRange | null): AsyncGenerator<Uint8Array> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, 'r');
    let at = range?.first ?? 0;
    const end = range === null ? Number.POSITIVE_INFINITY : range.last + 1;
    while (at < end) {
      const buffer = Buffer.allocUnsafe(Math.min(PIECE, end - at));
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file?.close();
  }
}

function absent(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
  throw error;
}

/** What the disk says becomes a StorageError, without the path. */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new StorageError(code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : `the disk answers ${code}`);
  }
}
