/** Files that come in a form, of any of the types that are taken. */
import { rm } from 'node:fs/promises';
import type { Principal } from '../../auth/principal.ts';
import type { Refusal } from '../../protocol/errors.ts';
import { newUpload, tooLarge, wrongType } from './beginning.ts';
import { cleanName } from './file-name.ts';
import { IMAGE_TYPES, isCalled, type KnownType } from './file-types.ts';
import { readForm, type Form } from './form.ts';
import { conversationProblem, newId, objectOf, type MediaPorts } from './ports.ts';
import { spool } from './spool.ts';
import { addUpload, forgetUploads, keepAvatar, markArrived } from './store.ts';

export interface FormUpload {
  readonly id: string;
  readonly url: string;
  readonly filename: string;
  readonly size: number;
  readonly mimeType: string;
}

const GENERAL = 'application/octet-stream';

/** The form has `file`, `type` (`avatar` or `message_attachment`) and perhaps `conversation`. */
export async function uploadForm(
  ports: MediaPorts,
  principal: Principal,
  contentType: string,
  body: AsyncIterable<Uint8Array>,
): Promise<FormUpload | Refusal> {
  const { host, storage, settings } = ports;
  const form = await readForm(host, contentType, body, (bytes) =>
    spool(bytes, {
      folder: storage.spoolFolder,
      name: newId(ports),
      maxBytes: Math.max(settings.max_file_bytes, settings.max_avatar_bytes),
      typeProblem: (type) => (type !== null && isTaken(ports, type) ? null : wrongType(ports, takenTypes(ports))),
      tooLarge: () => tooLarge(ports, settings.max_file_bytes),
    }),
  );
  if (host.isRefusal(form)) return form;
  try {
    const problem = await formProblem(ports, principal, form);
    return problem ?? (await keep(ports, principal, form));
  } finally {
    await rm(form.file.file, { force: true });
  }
}

async function formProblem(ports: MediaPorts, principal: Principal, form: Form): Promise<Refusal | null> {
  const { host, settings } = ports;
  const { fields, file, declaredType } = form;
  const purpose = fields.get('type');
  if (purpose !== 'avatar' && purpose !== 'message_attachment')
    return host.refuse('invalid_field', 'type: expected avatar or message_attachment', { details: { field: 'type' } });
  const maxBytes = purpose === 'avatar' ? settings.max_avatar_bytes : settings.max_file_bytes;
  if (file.bytes > maxBytes) return tooLarge(ports, maxBytes);
  const types: readonly string[] = purpose === 'avatar' ? IMAGE_TYPES : settings.file_types;
  const isAsSaid = declaredType === GENERAL || isCalled(file.type, declaredType);
  if (!types.includes(file.type) || !isAsSaid) return wrongType(ports, types);
  const conversation = fields.get('conversation');
  return conversation === undefined ? null : conversationProblem(ports, principal, 'publish', conversation);
}

async function keep(ports: MediaPorts, principal: Principal, form: Form): Promise<FormUpload> {
  const { database, storage } = ports;
  const { bytes, digest, type, file } = form.file;
  const isAvatar = form.fields.get('type') === 'avatar';
  const upload = newUpload(ports, principal, {
    purpose: isAvatar ? 'avatar' : 'message_attachment',
    conversation: isAvatar ? null : (form.fields.get('conversation') ?? null),
    name: cleanName(form.fileName, type),
    type,
    maxBytes: bytes,
  });
  // A row without bytes first: what is stored and lost to a crash is found, and removed.
  await addUpload(database, upload);
  await storage.store(objectOf(upload), file, { type, bytes, digest }).catch(async (error: unknown) => {
    await forgetUploads(database, [upload.id]).catch(() => {});
    throw error;
  });
  if (isAvatar) await keepAvatar(database, upload, { bytes, digest });
  else await markArrived(database, upload.id, { bytes, digest });
  return { id: upload.id, url: upload.url, filename: upload.name, size: bytes, mimeType: type };
}

function isTaken(ports: MediaPorts, type: KnownType): boolean {
  return takenTypes(ports).includes(type);
}

function takenTypes({ settings }: MediaPorts): readonly string[] {
  return [...new Set<string>([...settings.file_types, ...IMAGE_TYPES])];
}
