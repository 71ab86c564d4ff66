/**
 * Credentials are sealed with AES-256-GCM before they go to the database, under a key that is not there. The tenant and the
 * kind are authenticated with them: a row that somebody copies to another tenant does not open.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** `version.nonce.tag.text`, in base64url. */
const VERSION = 'v1';
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
/** NIST SP 800-38D section 5.2.1.1. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

export interface Sealed {
  readonly sealed: string;
  /** The id of the key. */
  readonly by: string;
}

/** Why something sealed cannot be opened. */
export class SealError extends Error {
  override readonly name = 'SealError';
}

export class SealKeys {
  private readonly keys: ReadonlyMap<string, Buffer>;

  /**
   * @param text `id:key,id:key`, each key 32 bytes in base64; the first one seals
   * @throws RangeError without any of the text, because that is the secret
   */
  constructor(text: string) {
    const keys = new Map<string, Buffer>();
    for (const [at, entry] of text.split(',').entries()) {
      const [id = '', ...rest] = entry.trim().split(':');
      const encoded = rest.join(':');
      const place = `seal_keys: expected entry ${at + 1} to be id:key`;
      if (!KEY_ID.test(id)) throw new RangeError(`${place} with an id of 1 to 32 characters [A-Za-z0-9_-]`);
      const key = Buffer.from(encoded, 'base64');
      if (!BASE64.test(encoded) || key.length !== KEY_BYTES)
        throw new RangeError(
          `${place} with ${KEY_BYTES} bytes in base64 (openssl rand -base64 32), got ${key.length} bytes`,
        );
      if (keys.has(id)) throw new RangeError(`${place} with an id of its own, got ${id} twice`);
      keys.set(id, key);
    }
    this.keys = keys;
  }

  /** The id of the key that seals. */
  get current(): string {
    return this.keys.keys().next().value as string;
  }

  has(id: string): boolean {
    return this.keys.has(id);
  }

  /** @param about what it belongs to: it opens with the same words alone */
  seal(text: string, about: string): Sealed {
    const by = this.current;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.keys.get(by) as Buffer, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(`${by}/${about}`));
    const bytes = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return { sealed: [VERSION, ...[nonce, cipher.getAuthTag(), bytes].map(base64url)].join('.'), by };
  }

  /** @throws SealError when the key is missing, or the text is not what was sealed */
  open({ sealed, by }: Sealed, about: string): string {
    const key = this.keys.get(by);
    if (key === undefined) throw new SealError(`expected the key ${by} in apps.tenants.seal_keys, which sealed it`);
    const [version, ...parts] = sealed.split('.');
    const [nonce, tag, bytes] = parts.map((part) => Buffer.from(part, 'base64url'));
    if (version !== VERSION || nonce?.length !== NONCE_BYTES || tag?.length !== TAG_BYTES || bytes === undefined)
      throw new SealError('expected text that this application has sealed');
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(`${by}/${about}`));
    decipher.setAuthTag(tag);
    try {
      return Buffer.concat([decipher.update(bytes), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new SealError(`expected what the key ${by} has sealed here: the key or the row is another one`, { cause });
    }
  }
}

function base64url(bytes: Buffer): string {
  return bytes.toString('base64url');
}
