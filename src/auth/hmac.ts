/**
 * HMAC (RFC 2104) of two hashes at once: `createHmac` makes an object with a stream's machinery for each token, which takes
 * three times as long as the hashing. hmac.test.ts holds this against it.
 */
import { hash } from 'node:crypto';

const INNER = 0x36;
const OUTER = 0x5c;
/** Bytes of a block and of a digest. */
const HASHES = {
  sha256: { block: 64, digest: 32 },
  sha384: { block: 128, digest: 48 },
  sha512: { block: 128, digest: 64 },
} as const;

export type HashName = keyof typeof HASHES;

/** Texts up to this length are put together in memory that is kept. */
const KEPT = 2_048;

export class Hmac {
  private readonly name: HashName;
  private readonly block: number;
  /** A block of the key before the text, and before the inner digest. */
  private readonly inner: Buffer;
  private readonly outer: Buffer;

  constructor(name: HashName, key: Uint8Array) {
    const { block, digest } = HASHES[name];
    this.name = name;
    this.block = block;
    this.inner = Buffer.alloc(block + KEPT);
    this.outer = Buffer.alloc(block + digest);
    const short = key.byteLength > block ? hash(name, key, 'buffer') : key;
    for (let at = 0; at < block; at += 1) {
      const byte = short[at] ?? 0;
      this.inner[at] = byte ^ INNER;
      this.outer[at] = byte ^ OUTER;
    }
  }

  /** @param text ASCII @returns base64url */
  of(text: string): string {
    const { name, block } = this;
    const whole =
      text.length <= KEPT ? this.inner : Buffer.concat([this.inner.subarray(0, block)], block + text.length);
    whole.write(text, block, 'latin1');
    this.outer.write(hash(name, whole.subarray(0, block + text.length), 'binary'), block, 'latin1');
    return hash(name, this.outer, 'base64url');
  }
}
