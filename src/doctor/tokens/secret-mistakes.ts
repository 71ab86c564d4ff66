/** What issuers do to a secret before they sign with it. Each changes its bytes, and then no signature matches. */
import { hash } from 'node:crypto';

export interface Mistake {
  /** What the issuer's key is, of the secret. */
  readonly says: string;
  readonly cure: string;
  readonly key: Uint8Array;
}

const STRIP = "let the issuer take the line end off (printf '%s' instead of echo; .trimEnd() where it reads the file)";
const AS_TEXT = 'let the issuer use the text of the secret as its key, byte for byte, without decoding it';
const SAME = 'give the issuer and the nodes the same text (JWT_SECRET, JWT_SECRET_FILE)';

/** Found in examples, and in programs whose variable was not set. */
const STOCK = [
  '',
  'undefined',
  'null',
  'secret',
  'changeme',
  'password',
  'your-256-bit-secret',
  'your-secret-key',
  'a-string-secret-at-least-256-bits-long',
  '$JWT_SECRET',
  '${JWT_SECRET}',
  'JWT_SECRET',
  '<JWT_SECRET>',
];

export function stockSecrets(): readonly Mistake[] {
  return STOCK.map((text) => ({
    says: text === '' ? 'an empty secret' : `the text ${JSON.stringify(text)} instead of a secret`,
    cure: 'let the issuer read the secret that the nodes have: its variable was not set, or an example was kept',
    key: Buffer.from(text),
  }));
}

/** @param name of the key of the configuration */
export function mistakesWith(name: string, secret: Uint8Array): readonly Mistake[] {
  const text = Buffer.from(secret).toString('utf8');
  const bytes = (value: string): Uint8Array => Buffer.from(value);
  const entry = (says: string, cure: string, key: Uint8Array): Mistake => ({ says: `${name} ${says}`, cure, key });
  return [
    entry('with a line end behind it', STRIP, bytes(`${text}\n`)),
    entry('with CR and LF behind it', STRIP, bytes(`${text}\r\n`)),
    entry('with a space behind it', STRIP, bytes(`${text} `)),
    entry('in quotation marks', 'take the quotation marks off at the issuer', bytes(`"${text}"`)),
    entry('in single quotation marks', 'take the quotation marks off at the issuer', bytes(`'${text}'`)),
    entry('without the white space around it', SAME, bytes(text.trim())),
    entry('decoded from base64', AS_TEXT, Buffer.from(text, 'base64')),
    entry('decoded from base64url', AS_TEXT, Buffer.from(text, 'base64url')),
    entry('decoded from hexadecimal', AS_TEXT, Buffer.from(text, 'hex')),
    ...encodings(secret).map(([what, key]) => entry(`in ${what}`, SAME, bytes(key))),
    ...encodings(Buffer.concat([secret, bytes('\n')])).map(([what, key]) =>
      entry(`with a line end, and then in ${what}`, SAME, bytes(key)),
    ),
    entry('in upper case', SAME, bytes(text.toUpperCase())),
    entry('in lower case', SAME, bytes(text.toLowerCase())),
    entry('cut at 32 bytes', SAME, secret.slice(0, 32)),
    entry('as its SHA-256', AS_TEXT, hash('sha256', secret, 'buffer')),
    entry('as its SHA-256 in hexadecimal', AS_TEXT, bytes(hash('sha256', secret, 'hex'))),
    entry('in Latin-1 instead of UTF-8', 'let the issuer write its secret in UTF-8', Buffer.from(text, 'latin1')),
  ];
}

function encodings(secret: Uint8Array): readonly (readonly [string, string])[] {
  const all = Buffer.from(secret);
  return [
    ['base64', all.toString('base64')],
    ['base64url', all.toString('base64url')],
    ['hexadecimal', all.toString('hex')],
  ];
}
