/**
 * Secrets as they were given, to the byte. A secret from a file may be any bytes, while the configuration is text that also
 * travels as JSON to workers: bytes that are no text are held as the halves of surrogate pairs U+DC80 to U+DCFF, which no
 * text contains (the same as Python's surrogateescape, PEP 383), and come back as they were in {@link secretBytes}.
 */
import { isUtf8 } from 'node:buffer';
import type { Key } from './keys.ts';

const HALF = 0xdc00;
const ASCII_END = 0x80;
const BYTE_ORDER_MARK = '\u{feff}';
const REPLACEMENT = '\u{fffd}';

/** The content of a secret's file. Text loses the line ends that editors and `echo` put behind it; other bytes lose nothing. */
export function secretText(file: Buffer): string {
  if (isUtf8(file)) return file.toString('utf8').replace(/[\r\n]+$/, '');
  let text = '';
  for (const byte of file) text += String.fromCharCode(byte < ASCII_END ? byte : HALF + byte);
  return text;
}

/** The bytes of a secret, as a key of an HMAC. */
export function secretBytes(secret: string): Uint8Array {
  if (secret.isWellFormed()) return Buffer.from(secret);
  return Uint8Array.from(secret, (unit) => unit.charCodeAt(0) & 0xff);
}

/**
 * The difference between a secret and what its owner thinks it is: what was expected and what came, without the secret; or
 * `null`. Without this, tokens signed with the same secret would be refused, and nothing would say why.
 */
export function secretProblem(
  { secret }: Pick<Key, 'secret'>,
  value: string,
): { readonly expected: string; readonly got: string } | null {
  if (!value.isWellFormed())
    return secret === 'key' ? null : { expected: 'a file in UTF-8', got: 'bytes that are no text' };
  if (value.includes(REPLACEMENT))
    return { expected: 'text in UTF-8 (the key of an HMAC may be any bytes in a file: …_FILE)', got: 'U+FFFD in it' };
  if (value.startsWith(BYTE_ORDER_MARK))
    return { expected: 'a secret without a byte order mark', got: 'U+FEFF at its beginning' };
  if (secret === 'text') return null;
  const [edge] = /^\s|\s$/.exec(value) ?? [];
  if (edge !== undefined)
    return {
      expected: "a secret without white space around it (printf '%s', not echo)",
      got: `${nameOf(edge)} at its ${value.startsWith(edge) ? 'beginning' : 'end'}`,
    };
  if (secret === 'token' && !/^[ -~]*$/.test(value))
    return { expected: 'printable ASCII, as HTTP headers carry it', got: 'other characters' };
  return null;
}

function nameOf(character: string): string {
  if (character === '\n' || character === '\r') return 'a line end';
  return `U+${character.charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}`;
}
