/** Takes bytes while they arrive into a file that nobody sees yet: bounded, looked at, and gone when they are refused. */
import { createHash } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { isRefusal, type Refusal } from '../../protocol/errors.ts';
import { guarded } from './disk-storage.ts';
import { LOOKED_AT, typeOfBytes, type KnownType } from './file-types.ts';

export interface Spooled {
  readonly file: string;
  readonly bytes: number;
  /** SHA-256 in hex. */
  readonly digest: string;
  readonly type: KnownType;
}

export interface SpoolRules {
  readonly folder: string;
  /** Of the file, unguessable. */
  readonly name: string;
  readonly maxBytes: number;
  /** Why bytes of a type are refused. `null`: of none that is known. Asked as soon as it can be said. */
  readonly typeProblem: (type: KnownType | null) => Refusal | null;
  readonly tooLarge: () => Refusal;
}

/** @throws StorageError, or what the body throws; no file is left then */
export async function spool(body: AsyncIterable<Uint8Array>, rules: SpoolRules): Promise<Spooled | Refusal> {
  const path = join(rules.folder, rules.name);
  const file = await guarded(() => open(path, 'wx', 0o600));
  let isKept = false;
  try {
    const taken = await write(body, file, path, rules);
    isKept = !isRefusal(taken);
    return taken;
  } finally {
    await file.close().catch(() => {});
    if (!isKept) await rm(path, { force: true }).catch(() => {});
  }
}

async function write(
  body: AsyncIterable<Uint8Array>,
  file: FileHandle,
  path: string,
  { maxBytes, typeProblem, tooLarge }: SpoolRules,
): Promise<Spooled | Refusal> {
  const hash = createHash('sha256');
  const head = Buffer.alloc(LOOKED_AT);
  let bytes = 0;
  let type: KnownType | null | undefined;
  for await (const piece of body) {
    if (bytes + piece.byteLength > maxBytes) return tooLarge();
    if (bytes < LOOKED_AT) head.set(piece.subarray(0, LOOKED_AT - bytes), bytes);
    bytes += piece.byteLength;
    if (type === undefined && bytes >= LOOKED_AT) {
      type = typeOfBytes(head);
      const problem = typeProblem(type);
      if (problem !== null) return problem;
    }
    hash.update(piece);
    await guarded(() => writeAll(file, piece));
  }
  type ??= typeOfBytes(head.subarray(0, bytes));
  const problem = typeProblem(type);
  if (problem !== null || type === null) return problem ?? tooLarge();
  // Confirmed is what a machine that loses power still has.
  await guarded(() => file.datasync());
  return { file: path, bytes, digest: hash.digest('hex'), type };
}

async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  let at = 0;
  while (at < piece.byteLength) at += (await file.write(piece, at, piece.byteLength - at)).bytesWritten;
}
