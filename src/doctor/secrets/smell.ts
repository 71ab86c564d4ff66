/** What is wrong with a secret by its look. The secret itself is in no text. */
import { warn, type Observation } from '../finding.ts';

/** Of HS256: a shorter one can be tried out on any token (RFC 7518 section 3.2). */
const LEAST_BYTES = 32;
/** Bits a byte that are guessed at least: hexadecimal has four, base64 six. */
const LEAST_BITS = 3;
const MAKE = "openssl rand -base64 48 | tr -d '\\n' > jwt-secret, and JWT_SECRET_FILE=jwt-secret";
const WORDS = [
  'secret',
  'password',
  'changeme',
  'change-me',
  'example',
  'default',
  'test',
  'admin',
  'signalbox',
  'jwt',
  'qwerty',
  '123456',
];

export function smellsOf(name: string, secret: Uint8Array): readonly Observation[] {
  const text = Buffer.from(secret).toString('latin1');
  const found: Observation[] = [];
  if (secret.byteLength < LEAST_BYTES)
    found.push(
      warn(
        `${name} has ${secret.byteLength} bytes, and at least ${LEAST_BYTES} are needed: a shorter one can be found out from any token`,
        MAKE,
      ),
    );
  const repeated = repetition(text);
  if (repeated !== null)
    found.push(
      warn(
        `${name} repeats ${repeated === 1 ? 'one character' : `the same ${repeated} characters`} again and again`,
        MAKE,
      ),
    );
  else if (bitsOf(secret) < LEAST_BITS)
    found.push(
      warn(
        `${name} has ${new Set(secret).size} different bytes among ${secret.byteLength}: that is no random secret`,
        MAKE,
      ),
    );
  const word = WORDS.find((candidate) => text.toLowerCase().includes(candidate));
  if (word !== undefined && /^[\x20-\x7e]*$/.test(text) && looksWritten(text))
    found.push(
      warn(`${name} has the word ${JSON.stringify(word)} in it and looks as if a person had written it`, MAKE),
    );
  if (/^(["']).*\1$/s.test(text))
    found.push(
      warn(
        `${name} stands in quotation marks, which are a part of it`,
        'take them off, unless the issuer has them too',
      ),
    );
  if (/^\$\{?\w+\}?$|^<.*>$|^\{\{.*\}\}$/.test(text))
    found.push(
      warn(
        `${name} is the name of a variable that nobody has put a value for`,
        'look at the template, or at the unit file, that it comes from',
      ),
    );
  return found;
}

/** Words with spaces, dashes or underscores between them, or letters alone. */
function looksWritten(text: string): boolean {
  return /^[A-Za-z]+(?:[ _.-][A-Za-z0-9]+)+[.!]?$|^[A-Za-z]+\d{0,4}$/.test(text);
}

/** The length of a piece that the whole consists of, or `null`. */
function repetition(text: string): number | null {
  for (let size = 1; size <= text.length / 2; size += 1)
    if (
      text ===
      text
        .slice(0, size)
        .repeat(Math.ceil(text.length / size))
        .slice(0, text.length)
    )
      return size;
  return null;
}

/** Shannon's entropy of its bytes. */
function bitsOf(secret: Uint8Array): number {
  const counts = Map.groupBy(secret, (byte) => byte);
  let bits = 0;
  for (const { length } of counts.values()) {
    const share = length / secret.byteLength;
    bits -= share * Math.log2(share);
  }
  return bits;
}

/** In what encoding a secret seems to be, of which issuers may take the text or the bytes; `null` for none. */
export function encodingOf(secret: Uint8Array): string | null {
  const text = Buffer.from(secret).toString('latin1');
  if (text.length >= LEAST_BYTES && text.length % 2 === 0 && /^[0-9a-f]+$/i.test(text)) return 'hexadecimal';
  if (text.length < LEAST_BYTES || !/[A-Z]/.test(text) || !/[a-z]/.test(text) || !/\d/.test(text)) return null;
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0) return 'base64';
  return /^[A-Za-z0-9_-]+$/.test(text) ? 'base64url' : null;
}
