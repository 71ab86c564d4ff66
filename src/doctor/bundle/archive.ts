/** An archive of a few small texts: POSIX ustar, compressed. */
import { gzipSync } from 'node:zlib';

export interface Entry {
  /** With folders; at most 100 bytes. */
  readonly name: string;
  readonly text: string;
}

const BLOCK = 512;

/** @param at of all entries, in ms since 1970 */
export function archiveOf(entries: readonly Entry[], at: number): Buffer {
  const parts = entries.flatMap(({ name, text }) => {
    const bytes = Buffer.from(text);
    const padding = Buffer.alloc((BLOCK - (bytes.byteLength % BLOCK)) % BLOCK);
    return [header(name, bytes.byteLength, at), bytes, padding];
  });
  // Two empty blocks are the end.
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(BLOCK * 2)]));
}

function header(name: string, size: number, at: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`expected a name of at most 100 bytes, got ${name}`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  block.write(name, 0);
  block.write(octal(0o600, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(Math.floor(at / 1_000), 11), 136);
  block.write('0', 156);
  block.write('ustar\x0000', 257);
  // The sum counts its own field as spaces.
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
