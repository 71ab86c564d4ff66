/** The bytes of an upload by a URL of ours. A client that has the URL may send them: it names one upload, and ends. */
import { rm } from 'node:fs/promises';
import type { Refusal } from '../../protocol/errors.ts';
import { tooLarge, wrongType } from './beginning.ts';
import { isCalled, type KnownType } from './file-types.ts';
import { badLink, newId, objectOf, unknownUpload, type MediaPorts } from './ports.ts';
import { spool, type Spooled } from './spool.ts';
import { claimDigest, findUpload, markArrived } from './store.ts';
import type { UploadRow } from './tables.ts';

export interface SignedRequest {
  readonly id: string;
  readonly expires: number;
  readonly signature: string;
}

export interface Sent {
  readonly type: string;
  /** As the head says; `null` where it does not. */
  readonly bytes: number | null;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Received {
  readonly url: string;
  readonly size: number;
  readonly mimeType: string;
  /** SHA-256 in hex. */
  readonly digest: string;
}

/** The same bytes again are answered like the first time: the answer may have been lost. */
export async function receiveUpload(
  ports: MediaPorts,
  { id, expires, signature }: SignedRequest,
  sent: Sent,
): Promise<Received | Refusal> {
  const { host, database, storage, links } = ports;
  if (!(await links.isGood('PUT', id, expires, signature))) return badLink(ports);
  const row = await findUpload(database, id);
  if (row === null) return unknownUpload(ports);
  if (!isCalled(row.type as KnownType, sent.type)) return wrongType(ports, [row.type]);
  if ((sent.bytes ?? 0) > row.max_bytes) return tooLarge(ports, row.max_bytes);
  const spooled = await spool(sent.body, {
    folder: storage.spoolFolder,
    name: newId(ports),
    maxBytes: row.max_bytes,
    typeProblem: (type) => (type === row.type ? null : wrongType(ports, [row.type])),
    tooLarge: () => tooLarge(ports, row.max_bytes),
  });
  if (host.isRefusal(spooled)) return spooled;
  try {
    return await keep(ports, row, spooled);
  } finally {
    await rm(spooled.file, { force: true });
  }
}

async function keep(ports: MediaPorts, row: UploadRow, spooled: Spooled): Promise<Received | Refusal> {
  const { host, database, storage } = ports;
  const { bytes, digest, type, file } = spooled;
  // First what the bytes are, then the bytes: of two who send others at once, one stores.
  if (!(await claimDigest(database, row.id, digest)))
    return host.refuse('idempotency_conflict', 'expected the bytes that this upload had the first time');
  if (row.bytes === null) {
    await storage.store(objectOf(row), file, { type, bytes, digest });
    await markArrived(database, row.id, { bytes, digest });
  }
  return { url: row.url, size: bytes, mimeType: type, digest };
}
