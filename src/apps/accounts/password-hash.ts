/** Passwords as they are kept: `$scrypt$ln=15,r=8,p=3$salt$hash`, which says itself how it was made. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

export interface ScryptCost {
  /** Binary logarithm of N. */
  readonly log2: number;
  readonly parallel: number;
}

interface PasswordHash extends ScryptCost {
  readonly blockSize: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const BLOCK_SIZE = 8;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const FORM = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{43,86})$/;
/** What a hash from elsewhere may ask of this machine. */
const MAX_LOG2 = 20;

/** @returns `null` for what is no hash, or one that would take too much */
export function readPasswordHash(text: string): PasswordHash | null {
  const parts = FORM.exec(text);
  if (parts === null) return null;
  const [log2 = 0, blockSize = 0, parallel = 0] = parts.slice(1, 4).map(Number);
  if (log2 < 1 || log2 > MAX_LOG2 || blockSize < 1 || blockSize > 16 || parallel < 1 || parallel > 16) return null;
  const [salt = '', hash = ''] = parts.slice(4);
  return { log2, blockSize, parallel, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}

/** Whether it was made with less or more than is asked for now. */
export function isOutdated({ log2, blockSize, parallel }: PasswordHash, cost: ScryptCost): boolean {
  return log2 !== cost.log2 || parallel !== cost.parallel || blockSize !== BLOCK_SIZE;
}

export async function hashPassword(password: string, { log2, parallel }: ScryptCost): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, { log2, parallel, blockSize: BLOCK_SIZE, salt }, HASH_BYTES);
  const [saltText, hashText] = [salt, hash].map((bytes) => bytes.toString('base64').replaceAll('=', ''));
  return `$scrypt$ln=${log2},r=${BLOCK_SIZE},p=${parallel}$${saltText}$${hashText}`;
}

export async function isPassword(password: string, kept: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, kept, kept.hash.byteLength), kept.hash);
}

/** In a thread of libuv's pool: the event loop goes on. */
function derive(
  password: string,
  { log2, blockSize, parallel, salt }: Omit<PasswordHash, 'hash'>,
  bytes: number,
): Promise<Buffer> {
  const N = 2 ** log2;
  const options = { N, r: blockSize, p: parallel, maxmem: 256 * N * blockSize };
  return new Promise((resolve, reject) => {
    // The same text in another normal form is the same password (NIST SP 800-63B section 3.1.1.2).
    scrypt(password.normalize('NFKC'), salt, bytes, options, (error, hash) => {
      if (error === null) resolve(hash);
      else reject(error);
    });
  });
}
