/**
 * What media offers to applications that bring files of their own: `uses: ['media']`, then `host.used('media') as Media`.
 * What messages name is asked of uploads.ts.
 */
import { rm } from 'node:fs/promises';
import type { Refusal } from '../../protocol/errors.ts';
import { newUpload, tooLarge, wrongType } from './beginning.ts';
import { cleanName } from './file-name.ts';
import { KNOWN_TYPES } from './file-types.ts';
import { newId, objectOf, type MediaPorts } from './ports.ts';
import { spool } from './spool.ts';
import { addUpload, forgetUploads, markArrived } from './store.ts';

interface BroughtFile {
  readonly tenant: string;
  /** The user who may name it in a message. */
  readonly owner: string;
  /** 1 to 128 of [A-Za-z0-9_:-]. */
  readonly conversation: string;
  readonly name: string;
  readonly maxBytes: number;
}

export interface KeptFile {
  readonly id: string;
  /** As messages name it. */
  readonly url: string;
  readonly name: string;
  /** By its bytes. */
  readonly type: string;
  readonly bytes: number;
}

export interface Media {
  /**
   * Takes a file while it comes. It is loose until a message names it, and removed after a time if none does.
   * @returns a refusal: too large, or of a type that is not known. @throws StorageError, or what the bytes throw
   */
  keep(file: BroughtFile, bytes: AsyncIterable<Uint8Array>): Promise<KeptFile | Refusal>;
  /** A link that needs no token and ends; `null` where `public_url` does not say how others reach this server. */
  link(id: string, secs: number): Promise<string | null>;
}

export function offeredBy(ports: MediaPorts): Media {
  return {
    keep: async (file, bytes) => keep(ports, file, bytes),
    link: async (id, secs) =>
      ports.settings.public_url === undefined ? null : (await ports.links.sign('GET', id, secs)).url,
  };
}

async function keep(
  ports: MediaPorts,
  { tenant, owner, conversation, name, maxBytes }: BroughtFile,
  bytes: AsyncIterable<Uint8Array>,
): Promise<KeptFile | Refusal> {
  const { host, database, storage } = ports;
  const taken = await spool(bytes, {
    folder: storage.spoolFolder,
    name: newId(ports),
    maxBytes,
    typeProblem: (type) => (type === null ? wrongType(ports, KNOWN_TYPES) : null),
    tooLarge: () => tooLarge(ports, maxBytes),
  });
  if (host.isRefusal(taken)) return taken;
  try {
    const { type, digest, bytes: size, file } = taken;
    const upload = newUpload(
      ports,
      { tenant, user: owner },
      {
        purpose: 'message_attachment',
        conversation,
        name: cleanName(name, type),
        type,
        maxBytes: size,
      },
    );
    // A row without bytes first: what is stored and lost to a crash is found, and removed.
    await addUpload(database, upload);
    await storage.store(objectOf(upload), file, { type, bytes: size, digest }).catch(async (error: unknown) => {
      await forgetUploads(database, [upload.id]).catch(() => {});
      throw error;
    });
    await markArrived(database, upload.id, { bytes: size, digest });
    return { id: upload.id, url: upload.url, name: upload.name, type, bytes: size };
  } finally {
    await rm(taken.file, { force: true });
  }
}
