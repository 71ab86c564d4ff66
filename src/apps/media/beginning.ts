/** An upload by a URL: what is coming is said first, and answered with where to send it. */
import type { Principal } from '../../auth/principal.ts';
import type { Refusal } from '../../protocol/errors.ts';
import { nameProblem } from './file-name.ts';
import { extensionsOf, IMAGE_TYPES, knownType, typeOfBytes, LOOKED_AT, type KnownType } from './file-types.ts';
import { conversationProblem, newId, objectOf, unknownUpload, type MediaPorts } from './ports.ts';
import { addUpload, findUpload, markArrived, type NewUpload } from './store.ts';
import type { Purpose, UploadRow } from './tables.ts';

export interface Announced {
  readonly fileName: string;
  readonly fileType: string;
  /** Bytes, where they are known. */
  readonly fileSize?: number | undefined;
  readonly conversation?: string | undefined;
}

export interface Begun {
  readonly id: string;
  /** For one `PUT` of the bytes. */
  readonly uploadUrl: string;
  /** Must come with it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string;
  /** For messages. */
  readonly publicUrl: string;
  /** When `uploadUrl` ends, in RFC 3339. */
  readonly expiresAt: string;
  /** The bytes go to the storage itself: the upload is whole when `complete` has looked at them. */
  readonly direct: boolean;
}

export async function beginUpload(
  ports: MediaPorts,
  principal: Principal,
  announced: Announced,
): Promise<Begun | Refusal> {
  const { host, settings } = ports;
  const type = imageType(announced.fileType);
  if (type === null) return wrongType(ports, IMAGE_TYPES);
  const wrongName = nameProblem(announced.fileName, type);
  if (wrongName !== null)
    return host.refuse('invalid_field', `fileName: ${wrongName}`, { details: { field: 'fileName' } });
  const { fileSize, conversation } = announced;
  if (fileSize !== undefined && fileSize > settings.max_image_bytes) return tooLarge(ports, settings.max_image_bytes);
  if (conversation !== undefined) {
    const problem = await conversationProblem(ports, principal, 'publish', conversation);
    if (problem !== null) return problem;
  }
  const upload = newUpload(ports, principal, {
    purpose: 'image',
    conversation: conversation ?? null,
    name: announced.fileName,
    type,
    maxBytes: fileSize ?? settings.max_image_bytes,
  });
  await addUpload(ports.database, upload);
  return begun(ports, upload, fileSize);
}

async function begun(ports: MediaPorts, upload: NewUpload, bytes: number | undefined): Promise<Begun> {
  const { host, storage, links, settings } = ports;
  const { id, key, type, url } = upload;
  const secs = settings.upload_secs;
  const direct = bytes === undefined ? null : await storage.putLink(objectOf(upload), { type, bytes }, secs);
  const common = { id, key, publicUrl: url, direct: direct !== null };
  if (direct !== null) {
    const expires = host.clock.now() + secs * 1_000;
    return { ...common, uploadUrl: direct.url, headers: direct.headers, expiresAt: new Date(expires).toISOString() };
  }
  const link = await links.sign('PUT', id, secs);
  return {
    ...common,
    uploadUrl: link.url,
    headers: { 'content-type': type },
    expiresAt: new Date(link.expires).toISOString(),
  };
}

/** Bytes that went to the storage directly are looked at before anything may name them. Twice is the same. */
export async function completeUpload(
  ports: MediaPorts,
  principal: Principal,
  id: string,
): Promise<{ readonly url: string; readonly size: number; readonly mimeType: string } | Refusal> {
  const { database, storage, host } = ports;
  const row = await findUpload(database, id);
  if (row === null || row.tenant !== principal.tenant || row.owner !== principal.user) return unknownUpload(ports);
  const answer = (size: number): Awaited<ReturnType<typeof completeUpload>> => ({
    url: row.url,
    size,
    mimeType: row.type,
  });
  if (row.bytes !== null) return answer(row.bytes);
  const found = await storage.find(objectOf(row));
  if (found === null) return host.refuse('not_found', 'expected an upload whose bytes have come');
  if (found.bytes <= row.max_bytes && (await isOfType(ports, row))) {
    await markArrived(database, id, { bytes: found.bytes, digest: null });
    return answer(found.bytes);
  }
  await storage.remove(objectOf(row));
  return found.bytes > row.max_bytes ? tooLarge(ports, row.max_bytes) : wrongType(ports, [row.type]);
}

async function isOfType({ storage }: MediaPorts, row: UploadRow): Promise<boolean> {
  const pieces = await storage.open(objectOf(row), { first: 0, last: LOOKED_AT - 1 });
  const head: Uint8Array[] = [];
  for await (const piece of pieces ?? []) head.push(piece);
  return typeOfBytes(Buffer.concat(head).subarray(0, LOOKED_AT)) === row.type;
}

export interface Described {
  readonly purpose: Purpose;
  readonly conversation: string | null;
  readonly name: string;
  readonly type: KnownType;
  readonly maxBytes: number;
}

export function newUpload(
  ports: MediaPorts,
  { tenant, user }: Pick<Principal, 'tenant' | 'user'>,
  described: Described,
): NewUpload {
  const { purpose, conversation, name, type, maxBytes } = described;
  const id = newId(ports);
  const folder = purpose === 'avatar' ? 'avatars' : conversation === null ? 'files' : `chat/${conversation}`;
  const [extension] = extensionsOf(type);
  return {
    id,
    tenant,
    owner: user,
    purpose,
    conversation,
    key: `${folder}/${ports.host.clock.now()}_${id}.${extension}`,
    url: ports.links.lasting(id),
    name,
    type,
    max_bytes: maxBytes,
  };
}

export function wrongType({ host }: Pick<MediaPorts, 'host'>, types: readonly string[]): Refusal {
  return host.refuse('unsupported_media_type', `expected ${types.join(' or ')}, by its bytes as well as by its name`);
}

export function tooLarge({ host }: Pick<MediaPorts, 'host'>, maxBytes: number): Refusal {
  return host.refuse('payload_too_large', `expected a file of at most ${maxBytes} bytes`);
}

function imageType(declared: string): KnownType | null {
  const type = knownType(declared);
  return IMAGE_TYPES.find((image) => image === type) ?? null;
}
