/** A form with one file, read while it arrives: the file goes on as a stream, and fields are short. */
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { BodyError } from '../../node/body-error.ts';
import type { Refusal } from '../../protocol/errors.ts';
import type { Host } from '../host-api.ts';
import type { Spooled } from './spool.ts';
import { StorageError } from './storage.ts';

const LIMITS = {
  files: 1,
  fields: 8,
  parts: 9,
  fieldNameSize: 100,
  fieldSize: 1_000,
  headerPairs: 32,
  headerSize: 8_192,
};

/** The field that is a file. */
const FILE = 'file';

export interface Form {
  readonly fields: ReadonlyMap<string, string>;
  readonly file: Spooled;
  /** As the client calls it. */
  readonly fileName: string;
  readonly declaredType: string;
}

type TakeFile = (bytes: AsyncIterable<Uint8Array>) => Promise<Spooled | Refusal>;

interface Parts {
  readonly fields: Map<string, string>;
  file: {
    readonly stream: Readable;
    readonly name: string;
    readonly declaredType: string;
    readonly taken: Promise<Spooled | Refusal>;
  } | null;
  /** There was something that a form of this kind has not. */
  isOther: boolean;
}

/**
 * @param takeFile what becomes of the bytes of the field `file`
 * @throws StorageError, or what the body throws
 */
export async function readForm(
  host: Pick<Host, 'refuse' | 'isRefusal'>,
  contentType: string,
  body: AsyncIterable<Uint8Array>,
  takeFile: TakeFile,
): Promise<Form | Refusal> {
  const reader = readerOf(contentType);
  if (reader === null)
    return host.refuse('unsupported_media_type', 'expected a form: multipart/form-data with a boundary');
  const parts = collect(reader, takeFile, (answer) => host.isRefusal(answer));
  const broken = await pipeline(Readable.from(body), reader).then(
    () => null,
    (error: Error) => error,
  );
  // The reader of the form leaves its file open when the form breaks off.
  if (broken !== null) parts.file?.stream.destroy(broken);
  const taken = await parts.file?.taken.catch(unlessStorage);
  if (taken !== undefined && taken !== null && host.isRefusal(taken)) return taken;
  const { fields, file, isOther } = parts;
  if (broken === null && !isOther && file !== null && taken)
    return { fields, file: taken, fileName: file.name, declaredType: file.declaredType };
  if (taken) await rm(taken.file, { force: true });
  if (broken instanceof BodyError) throw broken;
  return host.refuse('malformed', 'expected a form with one file, in its field file, and few short fields');
}

function readerOf(contentType: string): BusboyInstance | null {
  try {
    if (!/^multipart\/form-data\s*;/i.test(contentType)) return null;
    const isPartAFile = (field?: string, _type?: string, name?: string): boolean =>
      field === FILE || name !== undefined;
    return new Busboy({ headers: { 'content-type': contentType }, limits: LIMITS, isPartAFile });
  } catch {
    return null;
  }
}

function collect(reader: BusboyInstance, takeFile: TakeFile, isRefusal: (answer: unknown) => boolean): Parts {
  const parts: Parts = { fields: new Map(), file: null, isOther: false };
  const other = (): void => {
    parts.isOther = true;
  };
  for (const limit of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const) reader.on(limit, other);
  reader.on('field', (name, value, isNameCut, isValueCut) => {
    if (isNameCut || isValueCut) other();
    else parts.fields.set(name, value);
  });
  reader.on('file', (name, stream, fileName, _encoding, declaredType) => {
    // A stream without a listener would end the process with its error.
    stream.on('error', () => {});
    if (name !== FILE) {
      other();
      stream.resume();
      return;
    }
    const taken = takeFile(stream);
    parts.file = { stream, name: fileName ?? '', declaredType, taken };
    // A file that is refused needs no more bytes.
    taken.then(
      (answer) => {
        if (isRefusal(answer)) reader.destroy();
      },
      () => void reader.destroy(),
    );
  });
  return parts;
}

/** Where the form broke off its file did too. */
function unlessStorage(error: unknown): null {
  if (error instanceof StorageError) throw error;
  return null;
}
