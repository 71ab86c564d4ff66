/** Where the bytes are kept. Objects are named by paths of segments that need no escaping; they are written once and never changed. */

export interface Facts {
  readonly type: string;
  readonly bytes: number;
}

export interface ByteRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

/** A link to the storage itself, and the headers that must come with it. */
export interface DirectLink {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Storage {
  readonly name: 'disk' | 's3';
  /** A folder where a file grows until it is whole. */
  readonly spoolFolder: string;
  /** Takes a whole file: it is the object from then on. @throws StorageError, and nothing is half there */
  store(object: string, file: string, facts: Facts & { readonly digest: string }): Promise<void>;
  /** What the storage knows of an object, or `null`. */
  find(object: string): Promise<Facts | null>;
  /** The bytes, or a part of them; `null`: there is no such object. */
  open(object: string, range: ByteRange | null): Promise<AsyncIterable<Uint8Array> | null>;
  /** Twice is the same. */
  remove(object: string): Promise<void>;
  /** A link by which a client hands over exactly these bytes of this type; `null` where clients do not reach the storage. */
  putLink(object: string, facts: Facts, secs: number): Promise<DirectLink | null>;
  /** A link by which a client reads; `null` where clients do not reach the storage. */
  getLink(object: string, headers: Readonly<Record<string, string>>, secs: number): Promise<string | null>;
  /** Whether it could take and give something now. @throws StorageError */
  probe(): Promise<void>;
}

/** The storage cannot do it now. The message is for operators: clients are only told that it is so. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
}

const SEGMENT = /^[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,200}$/;

/** @throws RangeError when a name could leave its place */
export function checkedObject(object: string): string {
  const isGood = object.split('/').every((segment) => SEGMENT.test(segment) && !segment.includes('..'));
  if (!isGood) throw new RangeError('expected an object named by plain segments');
  return object;
}
